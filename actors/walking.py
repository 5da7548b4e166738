"""Walks a tree entry by entry in the order of the bytes of whole paths, whatever order a storage lists folders in.

So two trees can be compared side by side, a manifest is sorted, and one path says how far a walk was. A folder sorts as
its name with a slash: that is where the paths of what is in it belong.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from heapq import merge
from typing import NamedTuple

from actors.datasources.paths import join, outermost
from actors.datasources.storage import Kind, Listing, Row, Storage, Unlisted, Why
from actors.threads import Threads, result_of

# So many levels of the path may have folders listed ahead, as many each as there are threads.
_MOST_LEVELS = 4


class Place(NamedTuple):
    """An entry of a tree."""

    path: bytes
    row: Row


class _Level(NamedTuple):
    """What is left of one folder."""

    folder: bytes
    rows: Iterator[Row]
    waiting: deque[bytes]
    """The names of the folders in it that were not yet asked to be listed, in order."""
    ahead: deque[bytes]
    """Those that were, and were not entered yet."""


class Walk:
    """The entries of some folders, and of all that are in them; goes on behind a path where one is given.

    A folder comes before what is in it; its own path has a slash at the end where paths are compared.

    Memory: the listings of as many folders as the path is deep, of a few that are listed ahead, and the names of
    folders that wait.
    """

    def __init__(
        self,
        storage: Storage,
        threads: Threads | None,
        *,
        skip: Callable[[bytes, str], None],
        fail: Callable[[bytes, BaseException], None],
        after: bytes | None = None,
    ) -> None:
        """Take what is called for what is left out, and for folders that cannot be listed.

        Without threads no folder is listed ahead: for who waits for nothing else, on a storage that answers at once.
        """
        self._storage = storage
        self._threads = threads
        self._skip = skip
        self._fail = fail
        self._after = after
        self._ahead: dict[bytes, Future[Listing | Unlisted]] = {}

    def files(self, roots: Sequence[Place]) -> Iterator[Place]:
        """Give the files; roots are files and folders of which none lies in another."""
        for place in self.entries(roots):
            if place.row.kind == Kind.FILE:
                yield place
            elif place.row.kind == Kind.LINK:
                self._skip(place.path, "a link")

    def entries(self, roots: Sequence[Place]) -> Iterator[Place]:
        """Give the files, folders and links, the roots among them."""
        named = sorted((root.row._replace(name=root.path) for root in roots), key=sort_key)
        stack = [self._level(b"", named)]
        try:
            while stack:
                row = next(stack[-1].rows, None)
                if row is None:
                    stack.pop()
                    continue
                path = join(stack[-1].folder, row.name)
                if self._after is None or path_key(path, row.kind) > self._after:
                    yield Place(path, row)
                if row.kind == Kind.FOLDER and not self._is_behind(path):
                    stack.append(self._enter(stack[-1], row.name))
        finally:
            for each in self._ahead.values():
                each.cancel()

    def _enter(self, level: _Level, name: bytes) -> _Level:
        path = join(level.folder, name)
        found = self._storage.list_folder(path) if self._threads is None else self._found(level, name, self._threads)
        if isinstance(found, Listing):
            if found.special:
                self._skip(path, f"{found.special:,} entries in it are neither file, folder nor link")
            return self._level(path, found.rows)
        if found.why is Why.FAILED:
            self._fail(path, OSError(0, f"cannot be listed: {found.reason}"))
        else:
            self._skip(path, found.reason if found.why is Why.FOREIGN else "gone since it was listed")
        return self._level(path, [])

    def _level(self, folder: bytes, rows: Sequence[Row]) -> _Level:
        folders = sorted((row for row in rows if row.kind == Kind.FOLDER), key=sort_key)
        files = (row for row in rows if row.kind != Kind.FOLDER)
        in_order = merge(files, folders, key=sort_key) if folders else iter(rows)
        waiting = (row.name for row in folders)
        return _Level(
            folder, in_order, deque(name for name in waiting if not self._is_behind(join(folder, name))), deque()
        )

    def _found(self, level: _Level, name: bytes, threads: Threads) -> Listing | Unlisted:
        """Have the folder of this name listed, and the next ones of its level unless many others are already."""
        while level.waiting and (
            not level.ahead or (len(level.ahead) < threads.size and len(self._ahead) < _MOST_LEVELS * threads.size)
        ):
            level.ahead.append(level.waiting.popleft())
            path = join(level.folder, level.ahead[-1])
            self._ahead[path] = threads.pool.submit(self._storage.list_folder, path)
        entered = level.ahead.popleft()
        assert entered == name
        return result_of(self._ahead.pop(join(level.folder, name)), threads.check)

    def _is_behind(self, folder: bytes) -> bool:
        """Say whether all of a folder was walked through before."""
        if self._after is None or not folder:
            return False
        first = folder + b"/"
        return first < self._after and not self._after.startswith(first)


def sort_key(row: Row) -> bytes:
    """Give what an entry sorts by, so that the paths of all files come in the order of their bytes."""
    return path_key(row.name, row.kind)


def path_key(path: bytes, kind: str) -> bytes:
    """Give what a path sorts by among others."""
    return path + b"/" if kind == Kind.FOLDER else path


def in_order(paths: Iterable[bytes]) -> list[bytes]:
    """Give those paths that are in none of the others, in the order of a walk; the empty one is everything."""
    return sorted(outermost(paths), key=lambda path: path + b"/")
