"""How much a 7z archive may ask for before a byte of it comes out: its header decides what is kept in memory. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

MOST_MEMBERS = 200_000
"""All of them are in memory, about a kilobyte each."""
MOST_FOLDERS = 65_536
"""Streams of which one holds the content of one or many members; py7zr takes no more of them."""
MOST_HEADER_BYTES = 32 * 1024 * 1024
"""Of the list of members, unpacked."""
MOST_MEMORY_BYTES = 192 * 1024 * 1024
"""What a decoder may take for the data that it looks back at."""
MOST_CYCLES = 22
"""As a power of two, how often a password is hashed for its key: some seconds. 7-Zip itself takes 19."""

COPY = b"\0"
AES = b"\x06\xf1\x07\x01"
LZMA = b"\x03\x01\x01"
LZMA2 = b"\x21"
_UNSUPPORTED = frozenset(
    {
        b"\x03\x03\x01\x1b",  # BCJ2: py7zr cannot
        b"\x03\x04\x01",  # PPMd: its decoder, pyppmd 1.3, takes the process with it when the data is broken
        b"\x04\xf7\x11\x02",  # Brotli: its decoder cannot be held back
    }
)
_CYCLES = 0x3F  # which is also the number that stands for no hashing at all
_LARGEST_LZMA2 = 40


def why_not(coders: Sequence[Mapping[str, Any]], size: int) -> str:
    """Say why what unpacks a stream of this size is not let; empty if it is. A coder is as py7zr gives it."""
    for coder in coders:
        method, properties = coder["method"], coder["properties"] or b""
        if method in _UNSUPPORTED:
            return f"its method {method.hex()} is not supported"
        if method == AES and properties and MOST_CYCLES < properties[0] & _CYCLES < _CYCLES:
            return "its password would have to be hashed for minutes"
        # A decoder never looks back farther than what it has given.
        memory = min(memory_of(method, properties), size)
        if memory > MOST_MEMORY_BYTES:
            return f"it takes {memory:,} bytes of memory; allowed: {MOST_MEMORY_BYTES:,}"
    return ""


def memory_of(method: bytes, properties: bytes) -> int:
    """Give how much data a method looks back at, from its properties; what is cut off is found out by its decoder."""
    if method == LZMA2 and properties:
        bits = properties[0]
        return 0xFFFFFFFF if bits >= _LARGEST_LZMA2 else (2 | bits & 1) << (bits // 2 + 11)
    if method == LZMA:
        return int.from_bytes(properties[1:5], "little")
    return 0


def is_encrypted(coders: Sequence[Mapping[str, Any]]) -> bool:
    """Say whether one of them needs a password."""
    return any(coder["method"] == AES for coder in coders)
