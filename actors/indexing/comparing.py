"""What differs between the documents of a folder and its rows in the catalog. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from actors.indexing.choosing import Choice, Chooser
from actors.indexing.identity import content_id, document_ids
from actors.syncing.difference import KnownRow


class Wanted(NamedTuple):
    """A document that is to be added."""

    id: int
    content: int
    """0 if the file is not read."""
    folder: bytes
    row: KnownRow
    choice: Choice
    is_there: bool = False
    """Whether it is in the index, and only its text is asked for once more."""


class Comparison:
    """The comparison of one folder, whose rows may come bit by bit."""

    def __init__(
        self, folder: bytes, known: Mapping[int, int], chooser: Chooser, *, again: Collection[int] = ()
    ) -> None:
        """`known` are the ids in the index with their contents; `again` are those whose text is asked for once more."""
        self.folder = folder
        self._left = dict(known)
        self._chooser = chooser
        self._again = again

    def missing(self, rows: Iterable[KnownRow]) -> Iterator[Wanted]:
        """Give what these rows want that is not in the index."""
        left, again = self._left, self._again
        for id_, row in document_ids(self.folder, rows):
            is_there = left.pop(id_, None) is not None
            if is_there and id_ not in again:
                continue
            choice = self._chooser.choose(row)
            content = content_id(self.folder, row) if choice is Choice.TEXT else 0
            yield Wanted(id_, content, self.folder, row, choice, is_there)

    @property
    def gone(self) -> Mapping[int, int]:
        """What is in the index and no row wanted, once all rows have come."""
        return self._left
