"""Puts what was unpacked into a folder that is there already, file by file, each whole."""

from __future__ import annotations

import errno
from collections.abc import Iterator

from actors.copying import order as copying
from actors.copying.conflicts import Deed, decide
from actors.datasources.abilities import Tree
from actors.datasources.paths import join, split, text_of
from actors.datasources.storage import Kind, Row, Storage
from actors.run import Run
from actors.transferring.sides import Times
from actors.transferring.telling import ChangedFolders
from actors.unpacking.notes import Notes
from actors.unpacking.order import Conflict
from actors.unpacking.remembered import Remembered

_MOST_MADE = 10_000
_CONFIRMED_FILES = 64
# What a name answers that something else has, or one on the way that is no folder.
_IN_THE_WAY = frozenset({errno.EEXIST, errno.ENOTDIR, errno.ELOOP, errno.EISDIR})


class Merging:
    """The folder that is there, and what goes into it; for one thread.

    Whether a file is wanted is decided before it is unpacked.
    """

    def __init__(self, storage: Storage, goal: bytes, conflict: Conflict) -> None:
        self._storage = storage
        self._goal = goal
        self._conflict = copying.Conflict(conflict.value)
        self._times = Times.of(storage.capabilities, storage.capabilities)
        self._files = Remembered()
        self._folders = Remembered()
        self._made: set[bytes] = set()

    def judge(self, path: bytes, size: int, modified_ns: int) -> Deed:
        """Say what becomes of a file that would get this path within the folder."""
        there = self._storage.stat(join(self._goal, path))
        if there is not None and there.kind != Kind.FILE:
            return Deed.CLASH
        row = Row(split(path)[1], Kind.FILE.value, size, modified_ns)
        return decide(self._conflict, row, there, times=self._times)

    def add_file(self, path: bytes) -> None:
        """Remember a file that is unpacked."""
        self._files.add(path)

    def add_folder(self, path: bytes) -> None:
        """Remember a folder that the archive has."""
        self._folders.add(path)

    def merge(self, tree: Tree, run: Run, notes: Notes, changed: ChangedFolders) -> int:
        """Move everything to its place, and give how many entries stayed out; each of them is noted."""
        left_out = 0
        for number, (path, is_file) in enumerate(self._entries()):
            run.check()
            if not number % _CONFIRMED_FILES:
                run.confirm()
            try:
                self._make_folder(split(path)[0] if is_file else path, changed)
                if is_file:
                    self._move(tree, path, changed)
            except OSError as error:
                if error.errno not in _IN_THE_WAY:
                    raise
                left_out += 1
                notes.add(path, f"it is left out: something else is in its place in {text_of(self._goal)!r}")
        return left_out

    def close(self) -> None:
        """Let go of what it keeps; twice is fine."""
        self._files.close()
        self._folders.close()

    def _move(self, tree: Tree, path: bytes, changed: ChangedFolders) -> None:
        goal = join(self._goal, path)
        tree.merge(path, goal, replace=self._conflict is not copying.Conflict.SKIP)
        changed.add(split(goal)[0])

    def _make_folder(self, path: bytes, changed: ChangedFolders) -> None:
        if not path or path in self._made or not self._storage.capabilities.folders:
            return
        above = split(path)[0]
        self._make_folder(above, changed)
        self._storage.make_folder(join(self._goal, path))
        changed.add(join(self._goal, above) if above else self._goal)
        if len(self._made) >= _MOST_MADE:
            self._made.clear()
        self._made.add(path)

    def _entries(self) -> Iterator[tuple[bytes, bool]]:
        yield from ((path, False) for path, _ in self._folders)
        yield from ((path, True) for path, _ in self._files)
