"""Looks a second time at what seems to be gone: a listing may miss what is renamed while it is read.

What was in a folder that is gone itself needs no look. Where many entries of one folder are gone, the folder is listed
again; few are asked for one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, groupby, islice

from actors.datasources.globs import Selection
from actors.datasources.paths import join, text_of
from actors.datasources.storage import Row, Storage, Unlisted, Why
from actors.run import Run
from actors.syncing.aside import Aside, entry_of
from actors.syncing.difference import Entry
from store.spill import Look

_MANY = 50

Ask = Callable[[bytes], Row | None]


class SecondLook:
    """Finds out which of the entries that were put aside as gone are there after all."""

    def __init__(self, run: Run, storage: Storage, selection: Selection, aside: Aside) -> None:
        self._run = run
        self._storage = storage
        self._selection = selection
        self._aside = aside
        self.failures: list[str] = []
        """What could not be looked at; it is taken for being there."""

    def look(self, *, only_moved: bool) -> None:
        """Look at everything that is gone, or at what moved only, and keep what is there."""
        for folder, looks in groupby(self._aside.looks(only_moved=only_moved), key=lambda look: look.entry[0]):
            self._run.check()
            if not folder or not self._aside.is_gone(folder):
                self._look_into(folder, looks)

    def _look_into(self, folder: bytes, looks: Iterator[Look]) -> None:
        first = list(islice(looks, _MANY))
        if len(first) < _MANY:
            self._judge(folder, first, self._stat)
            return
        found = self._storage.list_folder(folder)
        if isinstance(found, Unlisted):
            if found.why is not Why.VANISHED:
                self._keep_all(folder, chain(first, looks), found.reason)
            return
        # Both sides come by name, so a huge folder need not be held as a whole.
        self._judge(folder, chain(first, looks), _InOrder(found.rows).find)

    def _judge(self, folder: bytes, looks: Iterable[Look], ask: Ask) -> None:
        for look in looks:
            self._run.check()
            entry = entry_of(look.entry)
            try:
                row = ask(join(folder, entry.row.name))
            except OSError as error:
                self._keep_all(entry.path, [look], error.strerror or str(error))
                continue
            if row is not None and self._counts(entry.path, row) and (not look.is_paired or _is_same(entry, row)):
                self._aside.keep(look.id)

    def _stat(self, path: bytes) -> Row | None:
        return self._storage.stat(path)

    def _counts(self, path: bytes, row: Row) -> bool:
        # What the globs leave out since a while ago is there, and goes from the catalog all the same.
        return self._selection.takes_all or self._selection.takes_whole(path, row.kind)

    def _keep_all(self, path: bytes, looks: Iterable[Look], reason: str) -> None:
        self.failures.append(f"cannot look at {text_of(path)}: {reason}")
        for look in looks:
            self._aside.keep(look.id)


class _InOrder:
    """Finds rows that are asked for in the order of their names."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = iter(rows)
        self._next = next(self._rows, None)

    def find(self, path: bytes) -> Row | None:
        name = path.rpartition(b"/")[2]
        while self._next is not None and self._next.name < name:
            self._next = next(self._rows, None)
        return self._next if self._next is not None and self._next.name == name else None


def _is_same(entry: Entry, row: Row) -> bool:
    """Say whether this is the very same file, and not another one at its place."""
    if entry.row.inode:
        return row.inode == entry.row.inode
    if entry.row.etag:
        return row.etag == entry.row.etag
    return (row.size, row.modified_ns) == (entry.row.size, entry.row.modified_ns)
