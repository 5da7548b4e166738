"""What a process does that makes an archive: a forked one that is made to be killed and to go on, see `forking`.

Or, as a program, a fresh one whose memory is measured. Argument: a JSON object, see `attempt`.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import actors.compressing.making
from actors.compress import CompressParams, compress
from actors.datasources.storage import Datasource
from actors.testing import RecordingRun
from tests.integration.actors.carry_process import FiledRun


def attempt(given: dict[str, Any]) -> dict[str, Any]:
    """Pack from the folder `source` into the folder `target` with the `params`; say what was made, and at which cost."""
    places = [Datasource(name=name, root=given[name]) for name in ("source", "target")]
    run: RecordingRun
    if "state" in given:
        actors.compressing.making.KEEP_BYTES = 256 * 1024
        run = FiledRun(given["state"], pace=given.get("pace"), datasources=places)
    else:
        run = RecordingRun(datasources=places)
    if "processors" in given:
        os.cpu_count = lambda: given["processors"]
    params = {"datasource": "source", "target_datasource": "target", **given["params"]}
    result = compress(run, CompressParams(**params))
    return {**result.model_dump(), "peak_mib": _peak_mib(), "attempt": run.attempt}


def _peak_mib() -> int:
    # What `getrusage` tells has the memory of the process in it that started this one.
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) // 1024


if __name__ == "__main__":
    print(json.dumps(attempt(json.loads(sys.argv[1]))))
