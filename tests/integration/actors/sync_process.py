"""What a forked process does that syncs one datasource and writes what it emits and remembers to a file; see `forking`."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from typing import Any

from actors.catalog import Changes
from actors.stored import StoredCatalog, StoredDatasources
from actors.sync import SyncParams, sync
from actors.testing import RecordingRun, Said
from store.engine import Store


class DyingCatalog(StoredCatalog):
    """A catalog whose process is killed at one of its transactions."""

    def __init__(self, store: Store, datasource: str, *, run: str, die_at: int, side: str) -> None:
        super().__init__(store, datasource, run=run)
        self._left = die_at
        self._side = side

    def apply(self, changes: Changes, *, before_commit: Callable[[], None]) -> None:
        self._left -= 1

        def announce() -> None:
            before_commit()
            if self._left == 0 and self._side == "before":
                os.kill(os.getpid(), signal.SIGKILL)

        super().apply(changes, before_commit=announce)
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


class WritingRun(RecordingRun):
    """A run whose events and checkpoints outlive its process, as they do in the bus."""

    def __init__(self, store: Store, path: str, *, die_at: int, side: str, alive_seconds: float) -> None:
        checkpoints = [json.loads(line)["state"] for line in read_lines(path) if line.startswith('{"state"')]
        super().__init__(state=checkpoints[-1] if checkpoints else None)
        self._store = store
        self._stored = StoredDatasources(store, run=self.id, task=self.task)
        self._die_at = die_at
        self._side = side
        self._alive_seconds = alive_seconds
        self._file = open_lines(path)

    def emit(self, type: str, data: Any, subject: str | None = None) -> None:  # noqa: A002
        self._write({"type": type, "data": data})

    def checkpoint(self, state: Any) -> None:
        self._write({"state": state})

    def datasource(self, name: str):
        return self._stored.datasource(name)

    def catalog(self, name: str):
        if not self._die_at:
            return self._stored.catalog(name)
        return DyingCatalog(self._store, name, run=self.id, die_at=self._die_at, side=self._side)

    def _write(self, said: dict[str, Any]) -> None:
        os.write(self._file, json.dumps(said).encode() + b"\n")
        if self._alive_seconds:
            # Nobody handles this signal, so the kernel ends the process wherever it is, as it does with kill -9.
            signal.setitimer(signal.ITIMER_REAL, self._alive_seconds)
            self._alive_seconds = 0


def read_lines(path: str) -> list[str]:
    """Give the whole lines of the file; a killed process may have left half of one."""
    if not os.path.exists(path):
        return []
    with open(path) as file:
        return [line for line in file if line.endswith("\n")]


def open_lines(path: str) -> int:
    """Open the file for more lines; half a line was never said, and nothing must begin in the middle of it."""
    whole = sum(len(line.encode()) for line in read_lines(path))
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.ftruncate(file, whole)
    return file


def events_in(path: str) -> list[Said]:
    """Give the events that all processes wrote."""
    said = [json.loads(line) for line in read_lines(path) if not line.startswith('{"state"')]
    return [Said(each["type"], each["data"], None) for each in said if "type" in each]


def attempt(url: str, name: str, path: str, *, die_at: int = 0, side: str = "", alive_seconds: float = 0) -> None:
    """Sync from the last checkpoint in the file at `path`.

    The process kills itself at the transaction of the number `die_at`, `before` or `after` its commit; or it is ended
    so long after it has begun to write.
    """
    run = WritingRun(Store(url), path, die_at=die_at, side=side, alive_seconds=alive_seconds)
    sync(run, SyncParams(datasource=name, allow_deletions=True))
