"""Reads files piece by piece into buffers that are used again, where it pays the next piece while one is hashed.

On a file of this machine the operating system reads ahead by itself, and a second thread costs more than it gives.
Over a network the next piece is asked for while the last one is hashed.
"""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import BinaryIO, cast

from actors.threads import result_of

PIECE_BYTES = 256 * 1024
"""As much as stays in the processor's cache between the reading and the hashing of it."""
AHEAD_BYTES = 1024 * 1024


class Reader:
    """Hands the contents of files on, piece by piece; safe in several threads."""

    def __init__(
        self,
        *,
        check: Callable[[], None],
        moved: Callable[[int], None] = lambda _: None,
        ahead: ThreadPoolExecutor | None = None,
    ) -> None:
        """Take what is called for each piece; `ahead` are the threads that read ahead, one for each that hashes."""
        self._check = check
        self._moved = moved
        self._ahead = ahead
        self._bytes = PIECE_BYTES if ahead is None else AHEAD_BYTES
        self._buffers: deque[bytearray] = deque()

    def feed(self, file: BinaryIO, size: int, take: Callable[[memoryview], object]) -> int:
        """Have `take` called with each piece of a file, and give how many bytes they were.

        No more than one byte beyond `size` is read: the file is not what it was then. A piece is valid during the
        call only. Raises OSError and TemporaryError of the storage, and what `check` raises.
        """
        stream = cast("io.RawIOBase", file)
        if self._ahead is None or size <= self._bytes:
            return self._feed(stream, size, take)
        return self._feed_ahead(stream, size, take, self._ahead)

    def _feed(self, file: io.RawIOBase, size: int, take: Callable[[memoryview], object]) -> int:
        left = size + 1
        buffer = self._borrow()
        try:
            with memoryview(buffer) as view:
                while left and (count := file.readinto(view[:left])):
                    self._hand(view[:count], take)
                    left -= count
        finally:
            self._buffers.append(buffer)
        return size + 1 - left

    def _feed_ahead(
        self, file: io.RawIOBase, size: int, take: Callable[[memoryview], object], pool: ThreadPoolExecutor
    ) -> int:
        done = 0
        buffer, spare = self._borrow(), self._borrow()
        reading: Future[int] = pool.submit(_fill, file, buffer, size + 1)
        try:
            while count := result_of(reading, self._check):
                done += count
                buffer, spare = spare, buffer
                reading = pool.submit(_fill, file, buffer, size + 1 - done)
                with memoryview(spare) as view:
                    self._hand(view[:count], take)
        finally:
            # The file is closed next, and the buffer used by others: nobody may still read into it.
            wait([reading])
            self._buffers += (buffer, spare)
        return done

    def _hand(self, piece: memoryview, take: Callable[[memoryview], object]) -> None:
        with piece:
            self._check()
            take(piece)
            self._moved(len(piece))

    def _borrow(self) -> bytearray:
        try:
            return self._buffers.pop()
        except IndexError:
            return bytearray(self._bytes)


def _fill(file: io.RawIOBase, buffer: bytearray, most: int) -> int:
    """Read until the buffer is full or the file ends; a connection may give less at once than it could."""
    count = 0
    with memoryview(buffer) as whole, whole[:most] as view:
        while count < len(view):
            with view[count:] as rest:
                read = file.readinto(rest)
            if not read:
                break
            count += read
    return count
