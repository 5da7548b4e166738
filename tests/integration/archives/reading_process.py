"""A process that unpacks, lists or tests archives one after the other and says what became of each, and how large it grew.

Arguments: the folder of a datasource; then for each archive `extract`, `list` or `test`, its name, and parameters as JSON.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from actors.datasources.storage import Datasource
from actors.extract import extract
from actors.list_archive import ListArchiveParams, list_archive
from actors.test_archive import TestArchiveParams, test_archive
from actors.testing import RecordingRun
from actors.unpacking.order import ExtractParams
from rota.errors import PermanentError


def run_one(root: Path, deed: str, name: str, params: dict[str, Any]) -> dict[str, Any]:
    """Unpack, list or test one archive; gives what came of it."""
    run = RecordingRun(datasources=[Datasource(name="files", root=str(root))])
    given = {"datasource": "files", "path": name, **params}
    try:
        match deed:
            case "extract":
                return extract(run, ExtractParams(**given)).model_dump(exclude={"notes"})
            case "list":
                return list_archive(run, ListArchiveParams(**given)).model_dump(exclude={"items"})
            case _:
                return test_archive(run, TestArchiveParams(**given)).model_dump()
    except PermanentError as error:
        return {"error": str(error)}


def peak_bytes() -> int:
    """Give the most memory that this process had; unlike `ru_maxrss` it knows nothing of the one that started it."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


if __name__ == "__main__":
    folder, *orders = sys.argv[1:]
    for at in range(0, len(orders), 3):
        told = run_one(Path(folder), orders[at], orders[at + 1], json.loads(orders[at + 2]))
        print(json.dumps({"name": orders[at + 1], "peak": peak_bytes(), **told}))
