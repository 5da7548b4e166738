"""Reads files of a storage at any place, as the storage allows."""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import BinaryIO, Protocol

from actors.archives.parts import Part

BLOCK_BYTES = 1024 * 1024
_MOST_BLOCKS = 32
# To read on over a gap is cheaper than a new request, up to about what a connection brings meanwhile.
_GAP_BLOCKS = 4
_MOST_OPEN = 16


class Short(Exception):
    """Raised when a file has fewer bytes than its storage said."""


class Ranges(Protocol):
    """An open file; safe in several threads."""

    def read_at(self, offset: int, size: int) -> bytes:
        """Read so many bytes, all of them within the file; raises Short where it ends too early, OSError."""

    def close(self) -> None:
        """Let go of it; twice is fine."""


def local_ranges(file: BinaryIO) -> LocalRanges | None:
    """Take over a file if it is one of this machine; None if it is not, and it stays the caller's."""
    try:
        descriptor = file.fileno()
    except OSError:
        return None
    return LocalRanges(file) if stat.S_ISREG(os.fstat(descriptor).st_mode) else None


class LocalRanges:
    """A file of this machine: read without a position of its own, so threads do not wait for each other."""

    def __init__(self, file: BinaryIO) -> None:
        """Take over an open file."""
        self._file = file
        self._descriptor = file.fileno()

    def read_at(self, offset: int, size: int) -> bytes:
        """Read so many bytes."""
        data = os.pread(self._descriptor, size, offset)
        if len(data) == size:
            return data
        pieces = [data]
        missing = size - len(data)
        while missing:  # a signal, or more than the system gives at once
            piece = os.pread(self._descriptor, missing, offset + size - missing)
            if not piece:
                raise Short
            pieces.append(piece)
            missing -= len(piece)
        return b"".join(pieces)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class SeekingRanges:
    """A file behind a connection that can be read from any place on, at the price of a new request.

    It is read in blocks, of which the last ones are kept: several threads that are at neighbouring places read it as if
    it were one.
    """

    def __init__(self, file: BinaryIO, *, size: int, reopen: Callable[[Exception, int], BinaryIO]) -> None:
        """Take over an open file.

        `reopen` is asked after an error, the how manieth in a row that is, and raises it if it is for good.
        """
        self._file = file
        self._size = size
        self._reopen = reopen
        self._lock = threading.Lock()
        self._at = 0
        self._blocks: OrderedDict[int, bytes] = OrderedDict()

    def read_at(self, offset: int, size: int) -> bytes:
        """Read so many bytes."""
        if not size:
            return b""
        first, last = offset // BLOCK_BYTES, (offset + size - 1) // BLOCK_BYTES
        with self._lock:
            if first == last:
                start = offset - first * BLOCK_BYTES
                return self._block(first)[start : start + size]
            joined = b"".join([self._block(number) for number in range(first, last + 1)])
        start = offset - first * BLOCK_BYTES
        return joined[start : start + size]

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._blocks.clear()
            self._file.close()

    def _block(self, number: int) -> bytes:
        known = self._blocks.get(number)
        if known is not None:
            self._blocks.move_to_end(number)
            return known
        here, inside = divmod(self._at, BLOCK_BYTES)
        # What lies between is likely to be asked for by another thread.
        begin = here if not inside and here <= number <= here + _GAP_BLOCKS else number
        for between in range(begin, number + 1):
            self._keep(between, self._fetch(between))
        return self._blocks[number]

    def _fetch(self, number: int) -> bytes:
        offset = number * BLOCK_BYTES
        for tried in itertools.count(1):
            try:
                if self._at != offset:
                    self._file.seek(offset)
                    self._at = offset
                data = self._file.read(min(BLOCK_BYTES, self._size - offset))
            except Exception as error:
                with contextlib.suppress(Exception):
                    self._file.close()
                self._file, self._at = self._reopen(error, tried), 0
                continue
            break
        self._at += len(data)
        if len(data) < min(BLOCK_BYTES, self._size - offset):
            raise Short
        return data

    def _keep(self, number: int, block: bytes) -> None:
        self._blocks[number] = block
        self._blocks.move_to_end(number)
        if len(self._blocks) > _MOST_BLOCKS:
            self._blocks.popitem(last=False)


class Joined:
    """The parts of a divided archive as one file; one part is the usual case, and costs nothing."""

    def __init__(self, parts: Sequence[Part], first: Ranges, open_next: Callable[[Part], Ranges]) -> None:
        """Take over the first part; the others are opened when they are wanted, a few at a time."""
        self._parts = parts
        self._open_next = open_next
        self._starts = list(itertools.accumulate((part.row.size for part in parts), initial=0))
        self._lock = threading.Lock()
        self._first = first
        self._others: OrderedDict[int, Ranges] = OrderedDict()

    def read_at(self, offset: int, size: int) -> bytes:
        """Read so many bytes."""
        if len(self._parts) == 1:
            return self._first.read_at(offset, size)
        pieces = []
        with self._lock:
            while size > 0:
                number = bisect_right(self._starts, offset) - 1
                here = min(size, self._starts[number + 1] - offset)
                pieces.append(self._part(number).read_at(offset - self._starts[number], here))
                offset += here
                size -= here
        return b"".join(pieces)

    def close(self) -> None:
        """Close the parts."""
        with self._lock:
            self._first.close()
            while self._others:
                self._others.popitem()[1].close()

    def _part(self, number: int) -> Ranges:
        if not number:
            return self._first
        if number not in self._others:
            self._others[number] = self._open_next(self._parts[number])
            if len(self._others) > _MOST_OPEN:
                self._others.popitem(last=False)[1].close()
        self._others.move_to_end(number)
        return self._others[number]
