"""What a forked process does that indexes one datasource and writes its checkpoints to a file; see `forking`."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

from actors.index import IndexParams, index
from actors.indexing import books, building
from store.engine import Store
from store.search.tantivy.engine import TantivyEngine
from tests.integration.actors.indexed import NAME, StoredRun
from tests.integration.actors.sync_process import open_lines, read_lines


class WritingRun(StoredRun):
    """A run whose checkpoints outlive its process, as they do in the bus."""

    def __init__(self, store: Store, engine: Any, path: str) -> None:
        lines = [json.loads(line) for line in read_lines(path)]
        super().__init__(store, engine, state=lines[-1] if lines else None, attempt=len(lines) + 1)
        self._file = open_lines(path)

    def checkpoint(self, state: Any) -> None:
        os.write(self._file, json.dumps(state).encode() + b"\n")


def kill_at(nth: int, side: str) -> None:
    """Kill this process at its nth commit of something."""
    left = nth
    real, settle = books.Side.commit, books.Books.commit

    def commit(self: Any) -> None:
        nonlocal left
        left -= self.is_dirty
        is_last = left == 0 and self.is_dirty
        if is_last and side == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        real(self)
        if is_last and side == "between":
            os.kill(os.getpid(), signal.SIGKILL)

    def commit_all(self: Any) -> None:
        settle(self)
        if left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    books.Side.commit = commit
    books.Books.commit = commit_all


def attempt(url: str, folder: str, path: str, *, full: bool, die_at: int, side: str) -> None:
    """Index from the last checkpoint in the file at `path`, with the engine in `folder`.

    Unless `die_at` is 0 it kills itself at the commit of this number: `before` it, `between` (committed, but not
    settled), or `after` it.
    """
    # Small steps, so that there is something to be killed between.
    books.MOST_DOCUMENTS = 50
    building._MOST_FOLDERS = 5
    building._DRAIN_SECONDS = 0.0
    if die_at:
        kill_at(die_at, side)
    index(WritingRun(Store(url), TantivyEngine(Path(folder)), path), IndexParams(datasource=NAME, full=full))
