"""Lists source and target side by side, folder by folder, a bounded number of folders ahead."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from typing import NamedTuple

from actors.datasources.storage import Listing, Storage, Unlisted
from actors.threads import Threads, result_of


class Sides(NamedTuple):
    """One folder as both storages show it."""

    path: bytes
    source: Listing | Unlisted
    target: Listing | Unlisted


class Pairs:
    """Walks two trees at once: `enter` a folder, and its listings come out of the iteration some time later.

    Folders may be entered while the iteration runs; it ends when all have come out. Memory: the paths of the folders
    that wait, and the listings of as many folders as there are threads.
    """

    def __init__(self, source: Storage, target: Storage, threads: Threads) -> None:
        self._source = source
        self._target = target
        self._pool = threads.pool
        self._ahead = threads.size
        self._check = threads.check
        self._waiting: list[tuple[bytes, bool]] = []

    def enter(self, path: bytes, *, there: bool) -> None:
        """Have a folder listed; `there` says whether the target has it."""
        self._waiting.append((path, there))

    def __iter__(self) -> Iterator[Sides]:
        """Give the folders that were entered."""
        running: deque[Future[Sides]] = deque()
        try:
            while running or self._waiting:
                while self._waiting and len(running) < self._ahead:
                    running.append(self._pool.submit(self._list, *self._waiting.pop()))
                yield result_of(running.popleft(), self._check)
        finally:
            for each in running:
                each.cancel()

    def _list(self, path: bytes, there: bool) -> Sides:
        self._check()
        source = self._source.list_folder(path)
        if not there or isinstance(source, Unlisted):
            return Sides(path, source, Listing(path=path, token="", rows=[]))
        return Sides(path, source, self._target.list_folder(path))
