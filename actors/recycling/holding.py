"""Which items of a bin must stay because a pattern of the rules says so."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from actors.bin_records import Item
from actors.datasources.bins import BIN, Recycled
from actors.datasources.globs import Selection
from actors.datasources.paths import join
from actors.datasources.storage import Kind, Storage, Unlisted
from actors.recycling.measuring import below


class Holds:
    """The patterns of a bin that hold items: by where an item was, and by where was what is in it."""

    def __init__(self, patterns: Sequence[str], storage: Storage, *, check: Callable[[], None]) -> None:
        self._selection = Selection(exclude=patterns) if patterns else None
        self._storage = storage
        self._check = check

    @property
    def are_any(self) -> bool:
        """Whether there are patterns at all."""
        return self._selection is not None

    def match(self, path: bytes, kind: str) -> bool:
        """Say whether a pattern matches where an item was, or a folder that it was in."""
        return self._selection is not None and not self._selection.takes_whole(path, kind)

    def hold(self, item: Recycled) -> bool:
        """Say whether a pattern matches an item or something in it; a folder that cannot be listed may hold anything.

        What is in it is listed in the bin.
        """
        if self._selection is None:
            return False
        if self.match(item.original_path, item.kind):
            return True
        return item.kind == Kind.FOLDER and self._hold_within(item)

    def among(self, items: Iterable[Item]) -> set[int]:
        """Give the numbers of those items that are held by a pattern."""
        return {item.id for item in items if self.hold(item.recycled)} if self.are_any else set()

    def _hold_within(self, item: Recycled) -> bool:
        top = join(BIN, item.bin_path)
        for found in below(self._storage, top, check=self._check):
            if isinstance(found, Unlisted):
                return True
            was = item.original_path + found.path[len(top) :]
            if any(self.match(join(was, row.name), row.kind) for row in found.rows):
                return True
        return False
