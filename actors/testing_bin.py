"""The records of a bin in memory, for testing actors without a store; the twin of `StoredBin`, under the same tests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from actors.bin_records import Item, Outline, Place, Purpose
from actors.datasources.bins import Recycled


@dataclass(slots=True)
class _Shelf:
    """What the records of one bin share."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    items: dict[int, Item] = field(default_factory=dict)
    last_id: int = 0
    open_tasks: set[str] = field(default_factory=set)
    last_purge: dict[str, Any] | None = None
    doubt: dict[str, Any] | None = None


class MemoryBin:
    """The records of one bin, for one task."""

    def __init__(
        self,
        beside: MemoryBin | None = None,
        *,
        run: str = "run",
        task: str = "task",
        on_add: Callable[[Recycled], None] = lambda _: None,
    ) -> None:
        """Make empty ones, or the ones of another task about the same bin."""
        self._shelf: _Shelf = beside._shelf if beside else _Shelf()  # noqa: SLF001 -- its own kind
        self._run = run
        self._task = task
        self._on_add = on_add

    @property
    def open_tasks(self) -> set[str]:
        """The tasks that have not ended; this one counts as open anyway."""
        return self._shelf.open_tasks

    def hold(self, item: int, reason: str | None) -> None:
        """Hold an item, or let it go, as the console does."""
        self._shelf.items[item] = self._shelf.items[item]._replace(hold=reason)

    def add(self, items: Sequence[Recycled]) -> None:
        """Record what went into the bin; what is recorded already is brought up to this."""
        with self._shelf.lock:
            for item in items:
                said = item._replace(run=item.run or self._run)
                known = self._at(item.bin_path)
                if known is None:
                    self._put(said)
                else:
                    self._shelf.items[known.id] = known._replace(recycled=said)
                self._on_add(item)

    def add_new(self, items: Sequence[Recycled]) -> int:
        """Record those of these items that are not, and say how many they were."""
        with self._shelf.lock:
            new = [item for item in items if self._at(item.bin_path) is None]
            for item in new:
                self._put(item._replace(run=item.run or self._run))
            return len(new)

    def count(self) -> int:
        """Give how many items are known."""
        return len(self._shelf.items)

    def outlines(self) -> Iterator[Outline]:
        """Give all items, the oldest deletion first."""
        for item in self._oldest_first(self._shelf.items.values()):
            known = item.recycled
            yield Outline(
                item.id,
                known.original_path,
                known.kind,
                known.bytes,
                known.deleted_at,
                known.deleted_by,
                known.bin,
                known.keep_until,
                item.hold is not None,
                item.claimed_by is not None,
            )

    def places(self) -> Iterator[Place]:
        """Give all items by their path in the bin."""
        places = [
            Place(each.id, each.recycled.bin_path, each.claimed_by is not None, each.hold is not None)
            for each in self._shelf.items.values()
        ]
        return iter(sorted(places, key=lambda place: place.bin_path))

    def find(self, ids: Sequence[int]) -> list[Item]:
        """Give those of these items that are known, by their numbers."""
        return [self._shelf.items[number] for number in sorted(ids) if number in self._shelf.items]

    def named(self, names: Sequence[bytes]) -> list[Item]:
        """Give those of these items that are known; a name is that of its folder in the bin."""
        return [each for each in self._shelf.items.values() if each.recycled.bin_path.partition(b"/")[0] in names]

    def deleted_from(self, paths: Sequence[bytes]) -> Mapping[bytes, Item]:
        """Give what was deleted last at each of these paths."""
        items = self._oldest_first(self._shelf.items.values())
        return {each.recycled.original_path: each for each in items if each.recycled.original_path in paths}

    def leftovers(self) -> list[Item]:
        """Give what this task, or one that has ended, has claimed and not let go."""
        return [each for each in self._shelf.items.values() if each.claimed_by is not None and self._is_free(each)]

    def claim(self, ids: Sequence[int], purpose: Purpose, *, at: int | None = None) -> list[Item]:
        """Claim those of these items that no other open task has, and give them in this order."""
        claimed = []
        with self._shelf.lock:
            for number in ids:
                item = self._shelf.items.get(number)
                if item is None or not self._is_free(item) or (purpose == "purge" and item.hold is not None):
                    continue
                if at is not None and max(item.recycled.deleted_at, item.recycled.keep_until or 0) > at:
                    continue
                self._shelf.items[number] = item._replace(claimed_by=self._task, claimed_for=purpose)
                claimed.append(self._shelf.items[number])
        return claimed

    def release(self, ids: Sequence[int]) -> None:
        """Give up claims of this task."""
        with self._shelf.lock:
            for item in self._mine(ids):
                self._shelf.items[item.id] = item._replace(claimed_by=None, claimed_for=None)

    def remove(self, ids: Sequence[int]) -> None:
        """Forget items that are not in the bin any more, unless another task has claimed them."""
        with self._shelf.lock:
            for item in self.find(ids):
                if item.claimed_by in {None, self._task}:
                    del self._shelf.items[item.id]

    def renew(self, items: Sequence[Item]) -> None:
        """Take over how items look now and since when they count, and give up this task's claims on them."""
        with self._shelf.lock:
            for item in items:
                for known in self._mine([item.id]):
                    self._shelf.items[item.id] = known._replace(
                        recycled=item.recycled, claimed_by=None, claimed_for=None
                    )

    def last_purge(self) -> Mapping[str, Any] | None:
        """Give what is remembered of the last purge."""
        return self._shelf.last_purge

    def record_purge(self, summary: Mapping[str, Any]) -> None:
        """Remember how a purge went."""
        self._shelf.last_purge = {"run": self._run, "at": 0, **summary}

    def doubt(self) -> Mapping[str, Any] | None:
        """Give what waits until somebody confirms it."""
        return self._shelf.doubt

    def record_doubt(self, doubt: Mapping[str, Any] | None) -> None:
        """Remember what a purge held back, or that it held back nothing."""
        self._shelf.doubt = None if doubt is None else {"run": self._run, "at": 0, **doubt}

    def _put(self, recycled: Recycled) -> None:
        self._shelf.last_id += 1
        self._shelf.items[self._shelf.last_id] = Item(self._shelf.last_id, recycled)

    def _at(self, bin_path: bytes) -> Item | None:
        return next((each for each in self._shelf.items.values() if each.recycled.bin_path == bin_path), None)

    def _mine(self, ids: Sequence[int]) -> list[Item]:
        return [each for each in self.find(ids) if each.claimed_by == self._task]

    def _is_free(self, item: Item) -> bool:
        return item.claimed_by in {None, self._task} or item.claimed_by not in self._shelf.open_tasks

    @staticmethod
    def _oldest_first(items: Iterable[Item]) -> list[Item]:
        return sorted(items, key=lambda item: (item.recycled.deleted_at, item.id))
