"""What takes the bytes of an archive, whole or in parts, under private names, and gives it its own once it is whole.

Of a divided archive the last part gets its name first: without the first part nothing opens it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from actors.compressing.goal import Goal
from actors.datasources.storage import Storage
from rota.errors import PermanentError

_MOST_PARTS = 9_999

Confirm = Callable[[bytes], None]
"""Called with the path of a part before it gets its name; what it raises goes up."""


class Output(Protocol):
    """Takes the bytes of one archive."""

    parts: int
    """How many files it consists of, once it is whole."""

    def make(self, pieces: Iterator[bytes], *, ready: Callable[[], None], confirm: Confirm) -> None:
        """Write the pieces, call `ready` when they are safe, and give everything its name."""

    def publish(self, size: int, *, confirm: Confirm) -> bool:
        """Give an archive of so many bytes its name that an earlier attempt wrote; false if it is not as it was."""

    def discard(self) -> None:
        """Remove what has no name yet."""

    def close(self) -> None:
        """Let go of it, and leave it where it is; twice is fine."""


def count_parts(size: int, split_bytes: int | None) -> int:
    """Give how many files an archive of so many bytes consists of."""
    return 1 if split_bytes is None else -(-size // split_bytes)


def part_length(number: int, size: int, split_bytes: int | None) -> int:
    """Give how many bytes a part of it has; numbers begin with 1."""
    return size if split_bytes is None else min(split_bytes, size - (number - 1) * split_bytes)


def is_published(storage: Storage, goal: Goal, size: int, split_bytes: int | None) -> bool:
    """Say whether an archive of so many bytes has its name, with all its parts."""
    for number in range(1, count_parts(size, split_bytes) + 1):
        there = storage.stat(goal.part(number))
        if there is None or there.size != part_length(number, size, split_bytes):
            return False
    return True


def refuse_too_many(parts: int) -> None:
    """Raise PermanentError for more files than an archive is divided into."""
    if parts > _MOST_PARTS:
        raise PermanentError(f"the archive would have more than {_MOST_PARTS:,} parts: make them larger")
