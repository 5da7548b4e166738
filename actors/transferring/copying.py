"""Copies one file: streamed, whole or not at all, and read back.

The source is looked at again once it was read and before the copy gets its name: a file that was changed meanwhile
leaves no mixture behind. What is read back and is not what was sent is deleted, so that the next run does not take it
for a good copy. Large files may go chunk by chunk, see `large`.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Generator
from contextlib import closing
from functools import partial
from typing import Protocol

import xxhash

from actors.datasources.paths import text_of
from actors.datasources.retrying import Repeats
from actors.datasources.storage import Row
from actors.transferring.reading import Again, Changed, Reader, Vanished, Way
from actors.transferring.sides import Pair
from rota.errors import PermanentError, TemporaryError

__all__ = ["Changed", "Copier", "Large", "Vanished"]

_MOST_CHANGES = 1
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})


class Large(Protocol):
    """Copies of large files that survive a restart in the middle."""

    def takes(self, row: Row) -> bool:
        """Say whether a file goes this way."""

    def copy(self, path: bytes, row: Row, goal: bytes, *, confirm: Callable[[], None]) -> tuple[Row, bytes]:
        """Copy a file once, or go on where an earlier attempt ended; give its row and what `digest` must give."""

    def digest(self, goal: bytes, size: int) -> bytes:
        """Read a copy back and give its digest."""


class Copier:
    """Copies files from one storage to another; safe in several threads."""

    def __init__(self, way: Way, reader: Reader, *, verify: bool, retries: int, large: Large | None = None) -> None:
        """Take what is shared; `retries` is how often a copy is begun again after a temporary failure."""
        self._target = way.target
        self._tally = way.tally
        self._reader = reader
        self._verify = verify
        self._large = large
        self._repeats = Repeats(retries=retries, check=way.check)

    def copy(
        self, path: bytes, row: Row, goal: bytes | None = None, *, confirm: Callable[[], None] = lambda: None
    ) -> Pair:
        """Copy a file that looked like `row`, and give how both sides look now.

        `goal` is its path in the target, the same one if it is not given. `confirm` is called right before the copy
        gets its name; what it raises goes up. A file that changes meanwhile is copied once more, and so is one that was
        damaged on the way. Raises Vanished, Changed, OSError and TemporaryError for this file, PermanentError where no
        other would fare better.
        """
        changes = 0
        while True:
            try:
                return self._repeats.call(partial(self._copy_once, path, row, path if goal is None else goal, confirm))
            except Again as error:
                changes += 1
                if changes > _MOST_CHANGES:
                    raise error.reason from None
                row = error.row
            except OSError as error:
                if error.errno in _FULL:
                    raise PermanentError(f"the target takes no more: {error.strerror}") from error
                raise

    def same_content(self, path: bytes, size: int, goal: bytes | None = None) -> bool:
        """Say whether a file of the source and one of the target have the same content, by reading them."""
        there = path if goal is None else goal
        source, target = self._repeats.call(lambda: self._reader.digests(path, there, size))
        return source == target

    def _copy_once(self, path: bytes, row: Row, goal: bytes, confirm: Callable[[], None]) -> Pair:
        def confirmed() -> None:
            self._reader.confirm(path, row)
            confirm()

        is_large = self._large is not None and self._large.takes(row)
        if self._large is not None and is_large:
            written, digest = self._large.copy(path, row, goal, confirm=confirmed)
        else:
            hasher = xxhash.xxh3_128()
            with closing(self._pieces(path, row, hasher)) as pieces:
                written = self._target.write(goal, pieces, modified_ns=row.modified_ns or None, confirm=confirmed)
            digest = hasher.digest()
        if written.size != row.size:
            self._discard(path, row, goal, f"{written.size:,} of {row.size:,} bytes arrived")
        if self._verify:
            if self._digest(goal, row.size, is_large=is_large) != digest:
                self._discard(path, row, goal, "what was read back is not what was sent")
            self._tally.add(verified=1)
        self._tally.add(copied=1, bytes=row.size)
        return Pair(row, written)

    def _pieces(self, path: bytes, row: Row, hasher: xxhash.xxh3_128) -> Generator[bytes, None, None]:
        with closing(self._reader.pieces(path, row)) as pieces:
            for piece in pieces:
                hasher.update(piece)
                yield piece

    def _digest(self, goal: bytes, size: int, *, is_large: bool) -> bytes:
        if self._large is not None and is_large:
            return self._large.digest(goal, size)
        hasher = xxhash.xxh3_128()
        for piece in self._reader.read_back(goal, size):
            hasher.update(piece)
        return hasher.digest()

    def _discard(self, path: bytes, row: Row, goal: bytes, why: str) -> None:
        self._target.delete(goal)
        raise Again(row, TemporaryError(f"{text_of(path)!r} was damaged on its way to the target: {why}"))
