"""A process that makes an archive, made to be killed and to go on. Argument: a JSON object, see `main`."""

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


def main(given: dict[str, Any]) -> None:
    """Pack from the folder `source` into the folder `target` with the `params`; say what was made, and at which cost."""
    places = [Datasource(name=name, root=given[name]) for name in ("source", "target")]
    run: RecordingRun
    if "state" in given:
        actors.compressing.making.KEEP_BYTES = 256 * 1024
        run = FiledRun(Path(given["state"]), datasources=places)
    else:
        run = RecordingRun(datasources=places)
    if "processors" in given:
        os.cpu_count = lambda: given["processors"]
    params = {"datasource": "source", "target_datasource": "target", **given["params"]}
    result = compress(run, CompressParams(**params))
    print(json.dumps({**result.model_dump(), "peak_mib": _peak_mib(), "attempt": run.attempt}))


def _peak_mib() -> int:
    # What `getrusage` tells has the memory of the process in it that started this one.
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) // 1024


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
