"""Cuts what is compared of a huge folder into slices, so that only a little of it is in memory at a time. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import islice
from operator import itemgetter
from typing import Any, Generic, TypeVar

from actors.datasources.storage import Row
from actors.syncing.difference import KnownRow

_Named = TypeVar("_Named", bound=tuple[Any, ...])
_name_of = itemgetter(0)


def slices(rows: Iterable[Row], known: Iterable[KnownRow], *, size: int) -> Iterator[tuple[list[Row], list[KnownRow]]]:
    """Give the rows of a listing and those of the catalog, both sorted by name, slice by slice.

    A slice has all of both that lie between two names, and at most `size` of each.
    """
    listed, before = _Ahead(rows, size), _Ahead(known, size)
    while listed.fill() | before.fill():
        ends = [side.last for side in (listed, before) if not side.is_whole]
        until = min(ends) if ends else None
        yield listed.take(until), before.take(until)


class _Ahead(Generic[_Named]):
    """What was read of one side and not yet given away."""

    def __init__(self, source: Iterable[_Named], size: int) -> None:
        self._source = iter(source)
        self._size = size
        self._read: list[_Named] = []
        self.is_whole = False
        """Whether nothing comes after what was read."""

    @property
    def last(self) -> bytes:
        """The last name that was read."""
        name: bytes = _name_of(self._read[-1])
        return name

    def fill(self) -> bool:
        """Read on up to the size; say whether there is anything to give away."""
        if not self.is_whole:
            self._read += islice(self._source, self._size - len(self._read))
            self.is_whole = len(self._read) < self._size
        return bool(self._read)

    def take(self, until: bytes | None) -> list[_Named]:
        """Give away all up to this name, or all."""
        cut = len(self._read) if until is None else bisect_right(self._read, until, key=_name_of)
        taken, self._read = self._read[:cut], self._read[cut:]
        return taken
