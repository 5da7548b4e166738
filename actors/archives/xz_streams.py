"""Decompresses an xz file that consists of many short streams on all cores.

A stream whose block tells its own sizes can be cut out without being decompressed, and that is how Rota writes them.
What the sizes say is only a guess: what was cut out counts when it turns out to be exactly one stream, and if it does
not, it is put back and decompressed as any other file is.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple, Protocol

from actors.archives.given import Given

XZ_MAGIC = b"\xfd7zXZ\0"
_MOST_BYTES = 4 * 1024 * 1024
"""Longer streams, and contents, are decompressed one after the other."""
_MOST_THREADS = 8
_HEADER_BYTES, _FOOTER_BYTES = 12, 12
_MOST_BLOCK_HEADER_BYTES = 1024
_SIZES_AND_ONE_FILTER = 0xC0
_LZMA2 = b"\x21\x01"
_MOST_DICTIONARY = 20  # the code of 4 MiB
_CHECK_BYTES = (0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64)
_VARINT_BYTES = 9


class Lengths(NamedTuple):
    """What a stream says of itself."""

    packed: int
    """Of the whole stream, in bytes."""
    content: int


class Decompressor(Protocol):
    """Decompresses one stream; as the library has it."""

    @property
    def eof(self) -> bool:
        """Whether the stream has ended."""

    @property
    def unused_data(self) -> bytes:
        """What was put in and follows the stream's end."""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Put something in, and get at most so much out."""


class Out(NamedTuple):
    """The content of a stream."""

    data: bytes
    used: int
    """How many bytes of the file were used up to its end."""


class _Cut(NamedTuple):
    packed: bytes
    used: int
    content: Future[bytes | None]


def lengths_of(head: bytes) -> Lengths | None:
    """Tell how long a stream is that begins like this, if it has one block that says so and is short. Pure."""
    at = _HEADER_BYTES
    if len(head) < at + 8 or not head.startswith(XZ_MAGIC) or head[at + 1] != _SIZES_AND_ONE_FILTER:
        return None
    block_header = 4 * head[at] + 4
    packed, at = _number(head, at + 2)
    content, at = _number(head, at)
    if head[at : at + 2] != _LZMA2 or not head[at + 2 : at + 3] or head[at + 2] > _MOST_DICTIONARY:
        return None
    if not 0 < packed <= _MOST_BYTES or not 0 < content <= _MOST_BYTES:
        return None
    unpadded = block_header + packed + _CHECK_BYTES[head[7] & 0x0F]
    index = 2 + _length(unpadded) + _length(content)
    length = _HEADER_BYTES + _by_fours(unpadded) + _by_fours(index) + 4 + _FOOTER_BYTES
    return Lengths(length, content)


def threads_here() -> int:
    """Tell how many threads are worth having on this machine."""
    return min(len(os.sched_getaffinity(0)), _MOST_THREADS)


def decompressed_streams(
    given: Given, begin: Callable[[], Decompressor], errors: tuple[type[Exception], ...], *, threads: int
) -> Generator[Out, None, bool]:
    """Give the contents of the short streams that come next, in their order; true if all were what they seemed.

    What follows them is left in `given`, as is what was wrong: it raises nothing of its own.
    """
    waiting: deque[_Cut] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            while True:
                cut = _cut_out(given, pool, begin, errors)
                if cut is not None:
                    waiting.append(cut)
                if not waiting:
                    return True
                if cut is not None and len(waiting) <= 2 * threads:
                    continue
                content = waiting[0].content.result()
                if content is None:
                    given.rest = b"".join([each.packed for each in waiting]) + given.rest
                    return False
                yield Out(content, waiting.popleft().used)
        finally:
            for each in waiting:
                each.content.cancel()


def _cut_out(
    given: Given, pool: ThreadPoolExecutor, begin: Callable[[], Decompressor], errors: tuple[type[Exception], ...]
) -> _Cut | None:
    given.fill(_HEADER_BYTES + _MOST_BLOCK_HEADER_BYTES)
    lengths = lengths_of(given.rest[: _HEADER_BYTES + _MOST_BLOCK_HEADER_BYTES])
    if lengths is None or not given.fill(lengths.packed):
        return None
    packed, given.rest = given.rest[: lengths.packed], given.rest[lengths.packed :]

    def content() -> bytes | None:
        decompressor = begin()
        try:
            data = decompressor.decompress(packed, lengths.content + 1)
        except errors:
            return None
        is_right = decompressor.eof and not decompressor.unused_data and len(data) == lengths.content
        return data if is_right else None

    return _Cut(packed, given.used, pool.submit(content))


def _number(data: bytes, at: int) -> tuple[int, int]:
    """Read a number, seven bits a byte, the lowest first, and where it ends; -1 if it does not."""
    number = 0
    for count, byte in enumerate(data[at : at + _VARINT_BYTES]):
        number |= (byte & 0x7F) << 7 * count
        if byte < 0x80:
            return number, at + count + 1
    return -1, at


def _length(number: int) -> int:
    return max(1, -(-number.bit_length() // 7))


def _by_fours(length: int) -> int:
    return length + -length % 4
