"""Compresses contents and blocks of contents, and leaves as it is what would hardly become smaller.

A content that is there whole is compressed by libdeflate. A block of a larger one is compressed by zlib-ng, which knows
what the 32 KiB before it were, and ends at a byte: so blocks are made by several threads, and put behind each other
are one deflate stream. A block that does not shrink becomes stored blocks of that stream, and not a stored member:
what is stored cannot be read from a stream unless its length is told before it.
"""

from __future__ import annotations

from typing import NamedTuple

import deflate
from zlib_ng import zlib_ng

from actors.archives.probing import is_promising, is_worth
from actors.archives.zip.layout import Method

DEFAULT_LEVEL = 6
WINDOW_BYTES = 32 * 1024
"""How far back a deflate stream looks."""

_STORED_BYTES = 0xFFFF
_LAST_BLOCK = b"\x03\x00"  # an empty one that says it is the last


class Block(NamedTuple):
    """A block of a large content."""

    packed: bytes
    crc: int
    size: int
    window: int
    """The crc of what the next block looks back at."""


def pack_whole(data: bytes, level: int) -> tuple[Method, bytes | bytearray]:
    """Compress a content, unless less than 1.5 % would be won."""
    if not level or not data or not is_promising(data):
        return Method.STORED, data
    packed = deflate.deflate_compress(data, level)
    return (Method.DEFLATE, packed) if is_worth(len(data), len(packed)) else (Method.STORED, data)


def pack_block(window: bytes, data: bytes, level: int) -> Block:
    """Compress what follows the window in a content; no data at all gives what ends the stream."""
    after = crc_of(window_after(window, data))
    if not data:
        return Block(_LAST_BLOCK, 0, 0, after)
    crc = crc_of(data)
    if level and is_promising(data):
        compressor = zlib_ng.compressobj(level, zlib_ng.DEFLATED, -zlib_ng.MAX_WBITS, zdict=window)
        packed = compressor.compress(data) + compressor.flush(zlib_ng.Z_SYNC_FLUSH)
        if is_worth(len(data), len(packed)):
            return Block(packed, crc, len(data), after)
    return Block(_stored_blocks(data), crc, len(data), after)


def window_after(window: bytes, data: bytes) -> bytes:
    """Give what the block after some data looks back at, if the window was before that data."""
    return data[-WINDOW_BYTES:] if len(data) >= WINDOW_BYTES else (window + data)[-WINDOW_BYTES:]


def crc_of(data: bytes | bytearray) -> int:
    """Give the crc of a content."""
    return deflate.crc32(data)


def combined_crc(first: int, second: int, second_size: int) -> int:
    """Give the crc of two contents behind each other."""
    return zlib_ng.crc32_combine(first, second, second_size)


def _stored_blocks(data: bytes) -> bytes:
    parts: list[bytes] = []
    for at in range(0, len(data), _STORED_BYTES):
        part = data[at : at + _STORED_BYTES]
        length = len(part)
        parts += (b"\x00", length.to_bytes(2, "little"), (length ^ 0xFFFF).to_bytes(2, "little"), part)
    return b"".join(parts)
