"""Walks the folders of a selected entry in one order, and lists source and target a bounded number of folders ahead."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from typing import NamedTuple

from actors.datasources.storage import Listing, Storage, Unlisted
from actors.threads import Threads, result_of


class Folder(NamedTuple):
    """A folder of the source and the one in the target that it goes to."""

    path: bytes
    goal: bytes
    below: tuple[bytes, ...]
    """The names that lead to it from the selected entry."""
    there: bool
    """Whether the target has it, so that it may have something in it."""


class Sides(NamedTuple):
    """A folder as both storages show it."""

    folder: Folder
    source: Listing | Unlisted
    target: Listing | Unlisted


class Walk:
    """The folders of one tree, a folder before its subfolders, all in the order of their names.

    Subfolders are entered while the walk goes on. Memory: the paths of the folders that wait, siblings of those on the
    way, and the listings of as many folders as there are threads.
    """

    def __init__(self, source: Storage, target: Storage, threads: Threads) -> None:
        self._source = source
        self._target = target
        self._pool = threads.pool
        self._ahead = threads.size
        self._check = threads.check
        self._waiting: list[Folder] = []
        self._listing: dict[bytes, Future[Sides]] = {}

    def enter(self, folders: list[Folder]) -> None:
        """Have subfolders of the folder visited last come next; they are sorted."""
        self._waiting += reversed(folders)

    def __iter__(self) -> Iterator[Sides]:
        """Give the folders."""
        try:
            while self._waiting:
                for folder in reversed(self._waiting[-self._ahead :]):
                    if folder.path not in self._listing:
                        self._listing[folder.path] = self._pool.submit(self._list, folder)
                yield result_of(self._listing.pop(self._waiting.pop().path), self._check)
        finally:
            for future in self._listing.values():
                future.cancel()
            self._listing.clear()

    def _list(self, folder: Folder) -> Sides:
        self._check()
        source = self._source.list_folder(folder.path)
        if not folder.there or isinstance(source, Unlisted):
            return Sides(folder, source, Listing(path=folder.goal, token="", rows=[]))
        return Sides(folder, source, self._target.list_folder(folder.goal))
