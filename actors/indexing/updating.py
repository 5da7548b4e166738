"""Brings folders of one generation to what the catalog has, by comparing both; safe to repeat."""

from __future__ import annotations

import time
from array import array
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from actors.catalog import Catalog, Folder
from actors.datasources.paths import join
from actors.extracting.outcomes import Extracted, Failed, Reason
from actors.indexing.books import Books
from actors.indexing.choosing import Choice, Chooser
from actors.indexing.comparing import Comparison, Wanted
from actors.indexing.counting import Counts
from actors.indexing.reading import Reader
from actors.indexing.side import Side
from actors.run import Run
from actors.search_index import Unread
from actors.syncing.difference import KnownRow
from store.batches import batches
from store.search.engine import Document

MOST_ROWS = 5_000
"""Rows that are compared at a time; a folder with more is gone through bit by bit."""
MOST_LEFT = 50_000
"""Files that are remembered to be read."""
_TEXTS_AT_ONCE = 32  # each may be of a million characters


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
        self._books = books
        self._chooser = chooser
        self._reader = reader
        self._counts = counts
        self._tell = tell
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
            self._read(each, outcome)
        done = [path for path, rest in rests.items() if not rest.wanted]
        whole = []
        for path in done:
            rest = rests.pop(path)
            self._counts.removed += rest.removed
            self._take_out(list(rest.gone))
            if not rest.is_cut:
                whole.append(path)
        return whole

    def remove_put_off(self) -> None:
        """Remove what `update` has put off."""
        self._take_out(self._put_off)
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
        rows = self._rows(group)
        for some in batches(rows, MOST_ROWS):
            self._run.check()
            missing = [each for path, row in some for each in comparisons[path].missing((row,))]
            for each in missing:
                added[each.folder] += not each.is_there
            for each in self._add(missing):
                left.setdefault(each.folder, deque()).append(each)
            if sum(map(len, left.values())) >= MOST_LEFT:
                break
        is_cut = next(rows, None) is not None
        rests: dict[bytes, Rest] = {}
        for path, comparison in comparisons.items():
            removed = max(0, len(comparison.gone) - added[path])
            if is_cut:
                rests[path] = Rest(left.get(path, deque()), (), 0, is_cut=True)
            elif path in left:
                rests[path] = Rest(left[path], list(comparison.gone), removed, is_cut=False)
            else:
                self._counts.removed += removed
                self._remove(comparison.gone, puts_off=puts_off)
            self._counts.folders += 1
        return rests

    def _rows(self, group: Sequence[tuple[bytes, Folder | None]]) -> Iterator[tuple[bytes, KnownRow]]:
        folders = [folder for _, folder in group if folder is not None]
        if len(group) == 1 and folders:
            yield from ((folders[0].path, row) for row in self._catalog.rows_in_order(folders[0]))
            return
        for path, rows in self._catalog.rows(folders).items():
            yield from ((path, row) for row in rows)

    def _add(self, missing: Sequence[Wanted]) -> Iterator[Wanted]:
        """Add documents, and give those whose file is still to be read."""
        to_read: list[Wanted] = []
        for each in missing:
            if each.choice is Choice.TEXT:
                to_read.append(each)
            else:
                self._add_unread(each)
        for some in batches(to_read, _TEXTS_AT_ONCE):
            yield from self._lent(some)

    def _lent(self, wanted: Sequence[Wanted]) -> list[Wanted]:
        """Add those whose text is known already, and give the others."""
        texts = self.side.texts([each.content for each in wanted if not each.is_there])
        for each in wanted:
            if not each.is_there and each.content in texts:
                self._put(each, *texts[each.content])
        return [each for each in wanted if each.is_there or each.content not in texts]

    def _read(self, wanted: Wanted, outcome: Extracted | Failed) -> None:
        size = wanted.row[2]
        self._counts.read += 1
        self._counts.bytes += size
        self._tell(0, size)
        if isinstance(outcome, Failed):
            self._note(wanted, outcome)
            if not wanted.is_there:
                self._put(wanted)
            return
        meta = "\n".join(f"{name}: {value}" for name, value in outcome.meta)
        if wanted.is_there:
            self.side.remove((wanted.id,))
            self._books.gone((wanted.id,))
        self._put(wanted, outcome.text, meta)

    def _add_unread(self, wanted: Wanted) -> None:
        """Add a document that no file is read for; of one that is there only the note is renewed, or needless."""
        if wanted.choice is Choice.TOO_LARGE:
            message = f"it has {wanted.row[2]:,} bytes, more than the datasource's largest_read"
            self._note(wanted, Failed(Reason.TOO_LARGE, message))
        elif wanted.is_there:
            self._books.gone((wanted.id,))
        if not wanted.is_there:
            self._put(wanted)

    def _note(self, wanted: Wanted, failed: Failed) -> None:
        self._counts.errors += 1
        path = join(wanted.folder, wanted.row[0])
        self._books.found(Unread(wanted.id, path, str(failed.reason), failed.message))

    def _put(self, wanted: Wanted, text: str = "", meta: str = "") -> None:
        name, kind, size, modified_ns, *_ = wanted.row
        self.side.add(
            Document(wanted.id, wanted.content, wanted.folder, name, str(kind), size, modified_ns, text, meta)
        )
        self._counts.documents += 1
        self._tell(1, 0)
        self._books.wrote()

    def _remove(self, gone: Mapping[int, int], *, puts_off: bool) -> None:
        if puts_off:
            self._put_off.extend(id_ for id_, content in gone.items() if content)
            self._take_out([id_ for id_, content in gone.items() if not content])
        else:
            self._take_out(list(gone))

    def _take_out(self, ids: Sequence[int]) -> None:
        if ids:
            self.side.remove(ids)
            self._books.gone(ids)
            self._books.wrote(len(ids))
