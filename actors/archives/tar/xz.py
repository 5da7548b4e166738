"""Writes whole streams of the format xz (The .xz File Format 1.2) around LZMA2 data, with one block and one checksum.

LZMA2 is a row of chunks, and what does not shrink is put into chunks that hold it as it is. The encoder of the library
finds that out only after it has searched for matches in vain, which takes longer than anything else it does. Pure.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from struct import pack

_MAGIC = b"\xfd7zXZ\x00"
_FOOTER_MAGIC = b"YZ"
_FLAGS = b"\x00\x01"  # the checksum is a CRC-32
_LZMA2 = b"\x21\x01"  # with one byte of properties
_SIZES_PRESENT = 0xC0  # so several threads can unpack several streams
_CHUNK_BYTES = 64 * 1024
_STORED_FIRST = 1
"""A chunk that is stored, and before which the dictionary is emptied: nothing behind it looks back."""
_STORED = 2
END_OF_CHUNKS = b"\x00"


def stored_chunks(data: bytes) -> Iterator[bytes]:
    """Give data as LZMA2 chunks that hold it as it is; what follows them must begin anew, and the end is not marked."""
    control = _STORED_FIRST
    for at in range(0, len(data), _CHUNK_BYTES):
        chunk = data[at : at + _CHUNK_BYTES]
        yield pack(">BH", control, len(chunk) - 1)
        yield chunk
        control = _STORED


def stream_of(chunks: bytes, *, size: int, crc: int, dictionary_bytes: int) -> bytes:
    """Give a stream of one block: its LZMA2 chunks with their end, the size and the CRC-32 of what they hold."""
    header = _block_header(len(chunks), size, dictionary_bytes)
    unpadded = len(header) + len(chunks) + 4
    index = _with_crc(_padded(b"\x00" + _number(1) + _number(unpadded) + _number(size)))
    backward = pack("<I", len(index) // 4 - 1) + _FLAGS
    return b"".join(
        (
            *(_MAGIC, _with_crc(_FLAGS)),
            *(header, _padded(chunks), pack("<I", crc)),
            index,
            *(pack("<I", zlib.crc32(backward)), backward, _FOOTER_MAGIC),
        )
    )


def _block_header(packed: int, size: int, dictionary_bytes: int) -> bytes:
    fields = _number(packed) + _number(size) + _LZMA2 + bytes((_dictionary_code(dictionary_bytes),))
    length = 2 + len(fields) + -(2 + len(fields)) % 4  # it tells its own length in units of four, with the checksum
    return _with_crc(bytes((length // 4, _SIZES_PRESENT)) + fields.ljust(length - 2, b"\0"))


def _dictionary_code(size: int) -> int:
    """Give the code of the smallest dictionary that is large enough: 4, 6, 8, 12, 16 ... KiB."""
    return next(code for code in range(40) if (2 | code & 1) << (code // 2 + 11) >= size)


def _number(value: int) -> bytes:
    """Write a number, seven bits a byte, the lowest first."""
    written = bytearray()
    while value >= 0x80:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def _with_crc(data: bytes) -> bytes:
    return data + pack("<I", zlib.crc32(data))
