"""Brings folders of one generation to what the catalog has, by comparing both; safe to repeat."""

from __future__ import annotations

import time
from array import array
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from actors.catalog import Catalog, Folder
from actors.indexing.books import Books
from actors.indexing.choosing import Chooser
from actors.indexing.comparing import Comparison, Wanted
from actors.indexing.counting import Counts
from actors.indexing.documents import Documents
from actors.indexing.reading import Reader
from actors.indexing.side import Side
from actors.run import Run
from actors.syncing.difference import KnownRow
from store.batches import batches

MOST_ROWS = 5_000
"""Rows that are compared at a time; a folder with more is gone through bit by bit."""
MOST_LEFT = 50_000
"""Files that are remembered to be read."""


class Rest(NamedTuple):
    """What is left to be done in a folder, because files have to be read for it."""

    wanted: deque[Wanted]
    gone: Collection[int]
    """Removed last, so that until then everything is found as it was."""
    removed: int
    """How many of them nothing takes the place of."""
    is_cut: bool
    """Whether it is so much that not all of the folder was compared."""


class Limit:
    """How long files are read at a time."""

    def __init__(self, seconds: float, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._until = monotonic() + seconds

    @property
    def is_over(self) -> bool:
        """Whether the time is used up."""
        return self._monotonic() >= self._until


class Updater:
    """Updates one generation."""

    def __init__(
        self,
        run: Run,
        catalog: Catalog,
        side: Side,
        *,
        books: Books,
        chooser: Chooser,
        reader: Reader,
        counts: Counts,
        tell: Callable[[int, int], None],
    ) -> None:
        """`tell` is told of documents that were written, and of bytes that were read."""
        self.side = side
        self._run = run
        self._catalog = catalog
        self._documents = Documents(side, books, counts, tell)
        self._chooser = chooser
        self._reader = reader
        self._counts = counts
        self._put_off = array("q")

    def update(
        self, paths: Sequence[bytes], *, puts_off: bool = False, again: Collection[int] = ()
    ) -> dict[bytes, Rest]:
        """Compare these folders and write what differs, but read no file; give what is left to be read, by folder.

        With `puts_off` nothing is removed whose text a folder that comes later may want, until `remove_put_off`.
        `again` are documents whose text is asked for once more. What was written before has to be committed.
        """
        rests: dict[bytes, Rest] = {}
        for some in self._groups(paths):
            self._run.check()
            rests |= self._update_group(some, puts_off=puts_off, again=again)
            if rests:
                self._reader.begin()
        return rests

    def read(self, rests: dict[bytes, Rest], limit: Limit) -> list[bytes]:
        """Read what is left, at least one file, and give the folders that are whole; `rests` loses what is done."""
        fed = 0

        def feed() -> Iterator[Wanted]:
            nonlocal fed
            for rest in rests.values():
                while rest.wanted:
                    if fed and limit.is_over:
                        return
                    fed += 1
                    yield rest.wanted.popleft()

        for each, outcome in self._reader.read(feed()):
            self._documents.add_read(each, outcome)
        done = {path: rest for path, rest in rests.items() if not rest.wanted}
        for path, rest in done.items():
            del rests[path]
            self._counts.removed += rest.removed
        # All at once: each call is a search through the whole index at the commit.
        self._documents.take_out([id_ for rest in done.values() for id_ in rest.gone])
        return [path for path, rest in done.items() if not rest.is_cut]

    def remove_put_off(self) -> None:
        """Remove what `update` has put off."""
        self._documents.take_out(self._put_off)
        self._put_off = array("q")

    @property
    def put_off(self) -> int:
        """How many removals were put off."""
        return len(self._put_off)

    def _groups(self, paths: Sequence[bytes]) -> Iterator[list[tuple[bytes, Folder | None]]]:
        """Take folders together that have few rows; one of very many, or of who knows how many, stands alone."""
        folders = self._catalog.folders(paths)
        group: list[tuple[bytes, Folder | None]] = []
        rows = 0
        for path in paths:
            folder = folders.get(path)
            if folder is not None and not (folder.digest and folder.entries <= MOST_ROWS):
                yield [(path, folder)]
                continue
            more = 0 if folder is None else folder.entries
            if rows + more > MOST_ROWS:
                yield group
                group, rows = [], 0
            group.append((path, folder))
            rows += more
        if group:
            yield group

    def _update_group(
        self, group: Sequence[tuple[bytes, Folder | None]], *, puts_off: bool, again: Collection[int]
    ) -> dict[bytes, Rest]:
        known = self.side.known([path for path, _ in group])
        comparisons = {path: Comparison(path, known[path], self._chooser, again=again) for path, _ in group}
        added = dict.fromkeys(comparisons, 0)
        left: dict[bytes, deque[Wanted]] = {}
        gone: list[Mapping[int, int]] = []
        pieces = self._pieces(group)
        for piece in pieces:
            self._run.check()
            missing = [each for path, rows in piece for each in comparisons[path].missing(rows)]
            for each in missing:
                added[each.folder] += not each.is_there
            for each in self._documents.add(missing):
                left.setdefault(each.folder, deque()).append(each)
            if sum(map(len, left.values())) >= MOST_LEFT:
                break
        is_cut = next(pieces, None) is not None
        rests: dict[bytes, Rest] = {}
        for path, comparison in comparisons.items():
            removed = max(0, len(comparison.gone) - added[path])
            if is_cut:
                rests[path] = Rest(left.get(path, deque()), (), 0, is_cut=True)
            elif path in left:
                rests[path] = Rest(left[path], list(comparison.gone), removed, is_cut=False)
            else:
                self._counts.removed += removed
                gone.append(comparison.gone)
            self._counts.folders += 1
        self._remove(gone, puts_off=puts_off)
        return rests

    def _pieces(
        self, group: Sequence[tuple[bytes, Folder | None]]
    ) -> Iterator[Iterable[tuple[bytes, Sequence[KnownRow]]]]:
        """Give the rows of these folders, by folder; those of a single one, of which there may be many, bit by bit."""
        folders = [folder for _, folder in group if folder is not None]
        if len(group) == 1 and folders:
            for rows in batches(self._catalog.rows_in_order(folders[0]), MOST_ROWS):
                yield ((folders[0].path, rows),)
        else:
            yield self._catalog.rows(folders).items()

    def _remove(self, gone: Iterable[Mapping[int, int]], *, puts_off: bool) -> None:
        ids = [(id_, content) for each in gone for id_, content in each.items()]
        if puts_off:
            self._put_off.extend(id_ for id_, content in ids if content)
        self._documents.take_out([id_ for id_, content in ids if not (puts_off and content)])
