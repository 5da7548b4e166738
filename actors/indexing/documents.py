"""Writes the documents of one generation, with what is counted and remembered of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from actors.datasources.paths import join
from actors.extracting.outcomes import Extracted, Failed, Reason
from actors.indexing.books import Books
from actors.indexing.choosing import Choice
from actors.indexing.comparing import Wanted
from actors.indexing.counting import Counts
from actors.indexing.side import Side
from actors.search_index import Unread
from store.batches import batches
from store.search.engine import Document

_TEXTS_AT_ONCE = 32  # each may be of a million characters


class Documents:
    """The documents that one generation gets and loses."""

    def __init__(self, side: Side, books: Books, counts: Counts, tell: Callable[[int, int], None]) -> None:
        """`tell` is told of documents that were written, and of bytes that were read."""
        self._side = side
        self._books = books
        self._counts = counts
        self._tell = tell

    def add(self, missing: Sequence[Wanted]) -> Iterator[Wanted]:
        """Add documents, and give those whose file is still to be read."""
        to_read: list[Wanted] = []
        for each in missing:
            if each.choice is Choice.TEXT:
                to_read.append(each)
            else:
                self._add_unread(each)
        for some in batches(to_read, _TEXTS_AT_ONCE):
            yield from self._lent(some)

    def add_read(self, wanted: Wanted, outcome: Extracted | Failed) -> None:
        """Add a document whose file was read."""
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
            self._side.remove((wanted.id,))
            self._books.gone((wanted.id,))
        self._put(wanted, outcome.text, meta)

    def take_out(self, ids: Sequence[int]) -> None:
        """Remove documents."""
        if ids:
            self._side.remove(ids)
            self._books.gone(ids)
            self._books.wrote(len(ids))

    def _lent(self, wanted: Sequence[Wanted]) -> list[Wanted]:
        """Add those whose text is known already, and give the others."""
        texts = self._side.texts([each.content for each in wanted if not each.is_there])
        for each in wanted:
            if not each.is_there and each.content in texts:
                self._put(each, *texts[each.content])
        return [each for each in wanted if each.is_there or each.content not in texts]

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
        self._side.add(
            Document(wanted.id, wanted.content, wanted.folder, name, str(kind), size, modified_ns, text, meta)
        )
        self._counts.documents += 1
        self._tell(1, 0)
        self._books.wrote()
