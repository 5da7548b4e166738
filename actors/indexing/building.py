"""Builds a generation from all folders of the catalog, by path; what changes meanwhile is brought in between."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from actors.catalog import Catalog, Folder
from actors.indexing.books import Books
from actors.indexing.draining import READ_SECONDS, Draining
from actors.indexing.updating import MOST_ROWS, Limit, Updater
from actors.run import Run
from store.batches import batches

_DRAIN_SECONDS = 2.0
_PAGE = 2_000
_MOST_FOLDERS = 500
_FOLDERS_AT_ONCE = 500


class Building:
    """The build of one generation, from where its side has got to."""

    def __init__(
        self,
        run: Run,
        catalog: Catalog,
        updater: Updater,
        *,
        draining: Draining,
        books: Books,
        is_resumed: bool,
        on_rows: Callable[[int], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`is_resumed` if something may be in it already; `on_rows` is told how many rows were gone through."""
        self._run = run
        self._catalog = catalog
        self._updater = updater
        self._draining = draining
        self._books = books
        self._is_resumed = is_resumed
        self._on_rows = on_rows
        self._monotonic = monotonic
        self._drained = monotonic()

    def build(self) -> None:
        """Bring every folder in, and then all that changed meanwhile."""
        side = self._updater.side
        side.horizon = side.reach
        while page := list(islice(self._catalog.folders_below(b"", after=side.reach), _PAGE)):
            side.horizon = page[-1].path
            for some in _chunks(page):
                self._bring_in([folder.path for folder in some])
                side.reach = some[-1].path
                self._on_rows(sum(folder.entries for folder in some))
                if self._books.is_due:
                    self._books.commit()
                self._drain_if_due()
        if self._is_resumed:
            self._sweep()
        side.is_whole = True
        self._draining.drain()

    def _bring_in(self, paths: list[bytes]) -> None:
        while rests := self._updater.update(paths):
            asked = sorted(rests)
            whole = set(self._updater.read(rests, Limit(READ_SECONDS)))
            paths = [path for path in asked if path not in whole]
            if not paths:
                return
            # They are compared again: what changes meanwhile is brought in there as well.
            self._books.commit()
            self._drain_if_due()

    def _drain_if_due(self) -> None:
        if self._monotonic() - self._drained >= _DRAIN_SECONDS:
            self._draining.drain()
            self._drained = self._monotonic()

    def _sweep(self) -> None:
        """Take out folders that went from the catalog after an earlier attempt had brought them in."""
        self._books.commit()
        for some in batches(self._updater.side.folders(), _FOLDERS_AT_ONCE):
            self._run.check()
            there = self._catalog.folders(some)
            self._updater.update([path for path in some if path not in there])
        self._books.commit()


def _chunks(folders: Iterable[Folder]) -> Iterator[list[Folder]]:
    """Take folders together that have few rows."""
    some: list[Folder] = []
    rows = 0
    for folder in folders:
        some.append(folder)
        rows += folder.entries
        if rows >= MOST_ROWS or len(some) >= _MOST_FOLDERS:
            yield some
            some, rows = [], 0
    if some:
        yield some
