"""Folders that are filled under a private name and get their own when they are whole, in any storage.

A driver that knows a better way (`Planting`) is asked for it. Any other one writes the files one by one into a folder
of its own within the private one, so that an attempt that was taken for dead and still writes does not meet the next
one. Where folders exist by themselves the private folder lies beside the one it becomes, else among the records of
drafts, where the clean-up of leftovers finds it without going through the whole storage.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from actors.datasources.abilities import Planting, Tree, WholeDeleter
from actors.datasources.drafts import RECORDS, draft_of, tree_of
from actors.datasources.paths import join, split
from actors.datasources.storage import Kind, Listing, Row, Storage, Unlisted, Why
from rota.errors import RotaError
from rota.ids import new_id

_MOST_MADE = 10_000
_PIECE_BYTES = 1024 * 1024


def plant(storage: Storage, path: bytes, key: str) -> Tree:
    """Begin the tree of a folder; what an earlier attempt of the same task left of it is removed.

    The key is a task's id. The storage must have been opened `whole`, or what its patterns leave out is not seen when
    it is moved or removed. The folder of the path must be there where folders exist by themselves.
    """
    return storage.tree(path, key) if isinstance(storage, Planting) else StoredTree(storage, path, key)


def is_left(storage: Storage, path: bytes, key: str) -> bool:
    """Say whether something lies where the task of this id writes what gets this path: its tree, or its draft."""
    if storage.stat(draft_of(path, key)) is not None:
        return True
    return storage.stat(_outer_of(storage, path, key)) is not None


def go_on(storage: Storage, path: bytes, name: bytes, key: str, *, confirm: Callable[[], None]) -> bool:
    """Go on with a publication that an earlier attempt had begun; says whether it is whole now.

    For storages where files are moved one by one; it can be done as long as the tree of that attempt is there, which is
    to have been whole.
    """
    if storage.capabilities.moves:
        return False
    found = storage.list_folder(_outer_of(storage, path, key))
    if isinstance(found, Unlisted) or len(found.rows) != 1:
        return False
    _move_files(storage, join(found.path, found.rows[0].name), join(split(path)[0], name), confirm)
    remove(storage, found.path)
    return True


def remove(storage: Storage, path: bytes, *, check: Callable[[], None] = lambda: None) -> int:
    """Remove a tree that was left at this path, and give how many bytes its files had, where they were listed.

    No link is followed. Raises OSError if something in it stays.
    """
    if isinstance(storage, Planting):
        return storage.remove_tree(path, check=check)
    if isinstance(storage, WholeDeleter):
        storage.delete_whole(path)
        return 0
    return _remove_each(storage, path, check)


class StoredTree:
    """A tree of a storage whose driver knows no better way; see `Tree` for the promises.

    Files have the modes and folders the times that the storage gives them.
    """

    def __init__(self, storage: Storage, path: bytes, key: str) -> None:
        """Begin it; raises what the storage raises."""
        self._storage = storage
        self._path = path
        self._outer = _outer_of(storage, path, key)
        self._top = join(self._outer, new_id().encode())
        self._lock = threading.Lock()
        self._made: set[bytes] = set()
        self._written: set[int] = set()
        # What an attempt that still writes keeps from being removed is left to the clean-up of leftovers.
        with suppress(OSError):
            remove(storage, self._outer)
        if storage.capabilities.folders:
            storage.make_folder(self._outer)
            storage.make_folder(self._top)

    def make_folder(self, path: bytes) -> None:
        """Make a folder and those above it; nothing happens if it is there, or folders don't exist by themselves."""
        if not path or path in self._made or not self._storage.capabilities.folders:
            return
        self.make_folder(split(path)[0])
        self._storage.make_folder(join(self._top, path))
        with self._lock:
            if len(self._made) >= _MOST_MADE:
                self._made.clear()
            self._made.add(path)

    def write(
        self, path: bytes, pieces: Iterable[bytes], *, modified_ns: int | None = None, executable: bool = False
    ) -> int:
        """Make a file, with the folders above it, and give how many bytes it has; nothing can be made executable."""
        with self._lock:
            # Asking the storage each time would double the requests, and nobody else writes here.
            if hash(path) in self._written:
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
            self._written.add(hash(path))
        self.make_folder(split(path)[0])
        size = 0

        def counted() -> Iterator[bytes]:
            nonlocal size
            for piece in pieces:
                size += len(piece)
                yield piece

        self._storage.write(join(self._top, path), counted(), modified_ns=modified_ns)
        return size

    def read(self, path: bytes) -> Iterator[bytes]:
        """Give the content of a file that was made."""
        with self._storage.open_file(join(self._top, path)) as file:
            while piece := file.read(_PIECE_BYTES):
                yield piece

    def make_link(self, path: bytes, target: bytes) -> None:
        """Raise OSError: links are made on this machine only."""
        raise OSError(errno.EOPNOTSUPP, "no links can be made in this storage", path)

    def finish(self, folders: Iterable[tuple[bytes, int]] = ()) -> None:
        """Do nothing: what a storage has answered for is safe, and its folders have times of its own."""

    def free_bytes(self) -> None:
        """Say nothing: storages do not tell."""

    def publish(self, name: bytes = b"", *, confirm: Callable[[], None] = lambda: None) -> Row:
        """Give it its name, or another one in the same folder; its files one by one where that is no single step."""
        goal = join(split(self._path)[0], name) if name else self._path
        confirm()
        if self._storage.capabilities.moves:
            self._storage.rename(self._top, goal)
        elif self._storage.stat(goal) is not None:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), goal)
        else:
            _move_files(self._storage, self._top, goal, confirm)
        with suppress(OSError, RotaError):  # empty now, and else left to the clean-up of leftovers
            self.discard()
        return self._storage.stat(goal) or Row(split(goal)[1], Kind.FOLDER.value, 0, 0)

    def merge(self, path: bytes, goal: bytes, *, replace: bool, confirm: Callable[[], None] = lambda: None) -> None:
        """Move one file of it to a path of the storage, whole; what takes the place of another is written there."""
        source = join(self._top, path)
        confirm()
        if not replace or self._storage.stat(goal) is None:
            self._storage.rename(source, goal)
            return
        row = self._storage.stat(source)
        with self._storage.open_file(source) as file:
            pieces = iter(lambda: file.read(_PIECE_BYTES), b"")
            self._storage.write(goal, pieces, modified_ns=row.modified_ns if row else None, confirm=confirm)
        self._storage.delete(source)

    def discard(self) -> None:
        """Remove it with all that is in it; nothing happens if it is not there."""
        remove(self._storage, self._top)
        if self._storage.capabilities.folders:
            with suppress(OSError):  # another attempt's may be in it
                self._storage.delete(self._outer)

    def close(self) -> None:
        """Do nothing: nothing is held."""


def _outer_of(storage: Storage, path: bytes, key: str) -> bytes:
    tree = tree_of(path, key)
    return tree if storage.capabilities.folders else join(RECORDS, split(tree)[1])


def _move_files(storage: Storage, top: bytes, goal: bytes, confirm: Callable[[], None]) -> None:
    """Move all that is in a folder into another one, which is made; what was moved already is taken for it."""
    folders = [b""]
    with ThreadPoolExecutor(storage.capabilities.in_flight, thread_name_prefix="publish") as pool:
        while folders:
            folder = folders.pop()
            confirm()
            if storage.capabilities.folders:
                storage.make_folder(join(goal, folder) if folder else goal)
            rows = _listed(storage, join(top, folder) if folder else top)
            paths = [join(folder, row.name) for row in rows if row.kind != Kind.FOLDER]
            for _ in pool.map(lambda path: _move(storage, join(top, path), join(goal, path)), paths):
                confirm()
            folders += [join(folder, row.name) for row in rows if row.kind == Kind.FOLDER]


def _move(storage: Storage, source: bytes, goal: bytes) -> None:
    try:
        storage.rename(source, goal)
    except FileExistsError:
        # Copied by an attempt that did not come to delete it here.
        here, there = storage.stat(source), storage.stat(goal)
        if here is None or there is None or (here.kind, here.size) != (there.kind, there.size):
            raise
        storage.delete(source)


def _remove_each(storage: Storage, top: bytes, check: Callable[[], None]) -> int:
    size = 0
    places = [(top, False)]
    with ThreadPoolExecutor(storage.capabilities.in_flight, thread_name_prefix="remove") as pool:
        while places:
            check()
            folder, is_emptied = places.pop()
            if is_emptied:
                storage.delete(folder)
                continue
            rows = _listed(storage, folder)
            files = [row for row in rows if row.kind != Kind.FOLDER]
            for _ in pool.map(storage.delete, [join(folder, row.name) for row in files]):
                check()
            size += sum(row.size for row in files)
            if storage.capabilities.folders:
                places.append((folder, True))
            places += [(join(folder, row.name), False) for row in rows if row.kind == Kind.FOLDER]
    return size


def _listed(storage: Storage, folder: bytes) -> list[Row]:
    found = storage.list_folder(folder)
    if isinstance(found, Listing):
        return list(found.rows)
    if found.why is Why.VANISHED:
        return []
    raise OSError(errno.EIO, f"cannot be listed: {found.reason}", folder)
