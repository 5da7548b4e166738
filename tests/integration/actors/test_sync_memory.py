"""However much comes, moves or goes at once, a sync takes little memory for it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from store.engine import Store
from store.queries import datasources
from store.records import DatasourceRecord

_MOST_BYTES_EACH = 400  # an entry in memory takes some 600


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("folders", "files"), [(100, 3_000), (1, 300_000)], ids=["many folders", "one folder"])
def test_memory_does_not_grow_with_what_changes(sqlite_url: str, folders: int, files: int) -> None:
    store = Store(sqlite_url)
    with store.writing() as conn:
        datasources.save(conn, DatasourceRecord(name="files", kind="local", root="/"), at=0)
    store.close()

    entries = folders * files + folders + 1
    command = [sys.executable, "-m", "tests.integration.actors.vast_process", sqlite_url, "files"]
    command += [str(folders), str(files)]
    out = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=Path(__file__).parents[3], timeout=850).stdout
    said = json.loads(out)

    assert said["found"] == [[1, 0, 0], [entries, 0, 0], [0, entries, 0], [0, 0, entries]]
    assert said["grown"] < entries * _MOST_BYTES_EACH
