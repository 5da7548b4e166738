"""What is known of the bin of a datasource, as actors read and write it.

The storage has the items, the store has a record of each: since when, from where, by whom, and whether it must stay.
Whoever takes an item out claims its record first, so that of a purge and a restore only one does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol

from actors.datasources.bins import Recycled

Purpose = Literal["purge", "restore"]
"""What an item is taken out of a bin for."""
CLAIMED_AT_ONCE = 500


class Item(NamedTuple):
    """The record of an item."""

    id: int
    recycled: Recycled
    hold: str | None = None
    """Why it must stay, in words."""
    claimed_by: str | None = None
    """The task that is taking it out."""
    claimed_for: str | None = None


class Outline(NamedTuple):
    """What rules ask about an item."""

    id: int
    original_path: bytes
    kind: str
    bytes: int
    deleted_at: int
    deleted_by: str | None
    bin: str
    keep_until: int | None
    is_held: bool
    is_claimed: bool


class Place(NamedTuple):
    """Where an item should be."""

    id: int
    bin_path: bytes
    is_claimed: bool
    is_held: bool


class BinRecords(Protocol):
    """The records of one bin, for one task.

    Promises of every form: each call is one transaction or several whole ones, and safe to repeat; StoreUnavailable
    when the store is away. What is iterated is read bit by bit, and may change meanwhile. A claim counts until its task
    has ended, and those of this task count as free for it.
    """

    def add(self, items: Sequence[Recycled]) -> None:
        """Record what went into the bin; what is recorded already is brought up to this."""

    def add_new(self, items: Sequence[Recycled]) -> int:
        """Record those of these items that are not, and say how many they were."""

    def count(self) -> int:
        """Give how many items are known."""

    def outlines(self) -> Iterator[Outline]:
        """Give all items, the oldest deletion first."""

    def places(self) -> Iterator[Place]:
        """Give all items by their path in the bin."""

    def find(self, ids: Sequence[int]) -> list[Item]:
        """Give those of these items that are known, by their numbers."""

    def named(self, names: Sequence[bytes]) -> list[Item]:
        """Give those of these items that are known; a name is that of its folder in the bin."""

    def deleted_from(self, paths: Sequence[bytes]) -> Mapping[bytes, Item]:
        """Give what was deleted last at each of these paths."""

    def leftovers(self) -> list[Item]:
        """Give what this task, or one that has ended, has claimed and not let go."""

    def claim(self, ids: Sequence[int], purpose: Purpose, *, at: int | None = None) -> list[Item]:
        """Claim those of these items that no other open task has, and give them in this order.

        For a purge only those that nobody holds; with `at` only those that came by then and need not be kept until
        later.
        """

    def release(self, ids: Sequence[int]) -> None:
        """Give up claims of this task."""

    def remove(self, ids: Sequence[int]) -> None:
        """Forget items that are not in the bin any more, unless another task has claimed them."""

    def renew(self, items: Sequence[Item]) -> None:
        """Take over how items look now and since when they count, and give up this task's claims on them."""

    def last_purge(self) -> Mapping[str, Any] | None:
        """Give what is remembered of the last purge."""

    def record_purge(self, summary: Mapping[str, Any]) -> None:
        """Remember how a purge went."""

    def doubt(self) -> Mapping[str, Any] | None:
        """Give what waits until somebody confirms it."""

    def record_doubt(self, doubt: Mapping[str, Any] | None) -> None:
        """Remember what a purge held back, or that it held back nothing."""
