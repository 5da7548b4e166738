"""A process that syncs one datasource and writes what it emits and remembers to a file; made to be killed.

Arguments: database address, datasource, file. It continues from the last checkpoint in the file.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from actors.stored import StoredDatasources
from actors.sync import SyncParams, sync
from actors.testing import RecordingRun, Said
from store.engine import Store


class WritingRun(RecordingRun):
    """A run whose events and checkpoints outlive its process, as they do in the bus."""

    def __init__(self, store: Store, path: str) -> None:
        checkpoints = [json.loads(line)["state"] for line in read_lines(path) if '"state"' in line]
        super().__init__(state=checkpoints[-1] if checkpoints else None)
        self._stored = StoredDatasources(store, run=self.id)
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def emit(self, type: str, data: Any, subject: str | None = None) -> None:  # noqa: A002
        self._write({"type": type, "data": data})

    def checkpoint(self, state: Any) -> None:
        self._write({"state": state})

    def datasource(self, name: str):
        return self._stored.datasource(name)

    def catalog(self, name: str):
        return self._stored.catalog(name)

    def _write(self, said: dict[str, Any]) -> None:
        os.write(self._file, json.dumps(said).encode() + b"\n")


def read_lines(path: str) -> list[str]:
    """Give the whole lines of the file; a killed process may have left half of one."""
    if not os.path.exists(path):
        return []
    with open(path) as file:
        return [line for line in file if line.endswith("\n")]


def events_in(path: str) -> list[Said]:
    """Give the events that all processes wrote."""
    said = map(json.loads, read_lines(path))
    return [Said(each["type"], each["data"], None) for each in said if "type" in each]


if __name__ == "__main__":
    url, name, path = sys.argv[1:]
    run = WritingRun(Store(url), path)
    result = sync(run, SyncParams(datasource=name, allow_deletions=True))
    print(result.model_dump_json())
