"""Items that a dry run found without a record: what a purge would record, kept as a few numbers each."""

from __future__ import annotations

from array import array
from heapq import heappush, heappushpop

from actors.bin_records import Item
from actors.datasources.bins import Recycled
from actors.recycling.outcome import MOST_LISTED

_FIRST = 2**62
"""Their numbers begin here: above all that records have."""


class Imagined:
    """Items without a record; the oldest of them are kept whole, so that they can be listed."""

    def __init__(self) -> None:
        self._entries = array("q")
        self._bytes = array("q")
        self._oldest: list[tuple[int, int, Recycled]] = []

    def add(self, recycled: Recycled) -> Item:
        """Take in an item, and give it as a record would be."""
        number = _FIRST + len(self._entries)
        self._entries.append(recycled.items)
        self._bytes.append(recycled.bytes)
        # The heap gives up its smallest first, and the youngest has to go.
        each = (-recycled.deleted_at, -number, recycled)
        if len(self._oldest) < MOST_LISTED:
            heappush(self._oldest, each)
        else:
            heappushpop(self._oldest, each)
        return Item(number, recycled)

    def has(self, number: int) -> bool:
        """Say whether this is the number of one of them."""
        return number >= _FIRST

    def size_of(self, number: int) -> tuple[int, int]:
        """Give how many entries one of them has, and their bytes."""
        return self._entries[number - _FIRST], self._bytes[number - _FIRST]

    def oldest(self) -> dict[int, Item]:
        """Give the oldest by their numbers."""
        return {-number: Item(-number, recycled) for _, number, recycled in self._oldest}
