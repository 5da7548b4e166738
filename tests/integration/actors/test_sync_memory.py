"""However much comes, moves or goes at once, a sync takes little memory for it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from store.engine import Store
from store.queries import datasources
from store.records import DatasourceRecord

_FILES = 3_000
_ENTRIES = 100 * _FILES + 101
_MOST_BYTES_EACH = 400  # an entry in memory takes some 600


def test_memory_does_not_grow_with_what_changes(sqlite_url: str) -> None:
    store = Store(sqlite_url)
    with store.writing() as conn:
        datasources.save(conn, DatasourceRecord(name="files", kind="local", root="/"), at=0)
    store.close()

    command = [sys.executable, "-m", "tests.integration.actors.vast_process", sqlite_url, "files", str(_FILES)]
    out = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=Path(__file__).parents[3], timeout=200).stdout
    said = json.loads(out)

    assert said["found"] == [[1, 0, 0], [_ENTRIES, 0, 0], [0, _ENTRIES, 0], [0, 0, _ENTRIES]]
    assert said["grown"] < _ENTRIES * _MOST_BYTES_EACH
