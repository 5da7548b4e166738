"""Writes an archive, or each of its parts, in one go: where the storage keeps nothing of a file that was only begun.

An object store has drafts too, but keeps them in pieces of its own size: no other attempt could go on where one ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from actors.compressing.goal import Goal
from actors.compressing.output import Confirm, count_parts, part_length, refuse_too_many
from actors.datasources.drafts import draft_of
from actors.datasources.storage import Storage


class Written:
    """An archive that is written in one go, or each of its parts."""

    def __init__(self, storage: Storage, goal: Goal, *, key: str, split_bytes: int | None) -> None:
        self._storage = storage
        self._goal = goal
        self._key = key
        self._most = split_bytes
        self.parts = 0

    def make(self, pieces: Iterator[bytes], *, ready: Callable[[], None], confirm: Confirm) -> None:
        """Write the pieces, call `ready` when they are safe, and give everything its name."""
        if self._most is None:
            self.parts = 1
            path = self._goal.part(1)

            def confirmed() -> None:
                ready()
                confirm(path)

            self._storage.write(path, pieces, confirm=confirmed)
            return
        for part in _Parts(pieces, self._most):
            refuse_too_many(self.parts + 1)
            self.parts += 1
            self._storage.write(self._private(self.parts), part)
        ready()
        for number in range(self.parts, 0, -1):
            self._rename(number, confirm)

    def publish(self, size: int, *, confirm: Confirm) -> bool:
        """Give an archive of so many bytes its name that an earlier attempt wrote; false if it is not as it was."""
        self.parts = count_parts(size, self._most)
        for number in range(self.parts, 0, -1):
            length = part_length(number, size, self._most)
            if self._most is not None and self._has(self._private(number), length):
                self._rename(number, confirm)
            elif not self._has(self._goal.part(number), length):
                return False
        return True

    def discard(self) -> None:
        """Remove the parts that have no name yet."""
        number = self.parts
        while self._most is not None and self._storage.stat(self._private(number + 1)) is not None:
            number += 1
        # The last one first: killed in the middle of it, another attempt finds the others.
        for each in range(number, 0, -1):
            self._storage.delete(self._private(each))

    def close(self) -> None:
        """There is nothing to let go of."""

    def _rename(self, number: int, confirm: Confirm) -> None:
        path = self._goal.part(number)
        confirm(path)
        self._storage.delete(path)
        self._storage.rename(self._private(number), path)

    def _has(self, path: bytes, size: int) -> bool:
        there = self._storage.stat(path)
        return there is not None and there.size == size

    def _private(self, number: int) -> bytes:
        return draft_of(self._goal.part(number), self._key)


class _Parts:
    """Pieces divided into parts of so many bytes, which are gone through one after the other."""

    def __init__(self, pieces: Iterator[bytes], most: int) -> None:
        self._pieces = pieces
        self._most = most
        self._held = b""

    def __iter__(self) -> Iterator[Iterator[bytes]]:
        while self._held or (piece := next(self._pieces, b"")):
            self._held = self._held or piece
            yield self._part()

    def _part(self) -> Iterator[bytes]:
        left = self._most
        while left:
            piece = self._held or next(self._pieces, b"")
            if not piece:
                return
            self._held = bytes(piece[left:])
            piece = piece[:left]
            left -= len(piece)
            yield piece
