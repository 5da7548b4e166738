"""Reads what a header block of a tar archive says: ustar, GNU's dialect, and what was before them. Pure."""

from __future__ import annotations

import re
from struct import Struct
from typing import NamedTuple
from zlib import adler32

MOST = 2**63 - 1
"""The largest number that a size can be; times are held within it."""

# name, mode, (owner, group), size, time, checksum, type, link, magic, (owner, group, device), prefix
_FIELDS = Struct("100s8s16x12s12s8sc100s8s80x155s")
_SECOND = 1_000_000_000
_MAGIC = slice(257, 262)
_POSIX = b"ustar\0"
_GNU = b"ustar  \0"
_STAR_PREFIX_BYTES = 131  # behind it, star keeps two more times
_DECIMAL = re.compile(rb"(-?)([0-9]{1,20})(?:\.([0-9]*))?")


class BadBlock(Exception):
    """Raised for a block that is no header; says why."""


class Header(NamedTuple):
    """What a header block says."""

    name: bytes
    type: bytes
    size: int
    """How many bytes of content follow it, if its type has any."""
    modified_ns: int | None
    executable: bool
    link: bytes
    is_gnu: bool
    """Whether it is written in GNU's dialect, where the last fields mean something else."""


def parse_block(block: bytes) -> Header:
    """Read a block of 512 bytes; raises BadBlock. Only what the archive cannot be read without is judged."""
    name, mode, size, modified, checksum, type_, link, magic, prefix = _FIELDS.unpack_from(block)
    if not _is_sum(block, checksum):
        raise BadBlock("its checksum is wrong")
    name = name.partition(b"\0")[0]
    if magic[:6] == _POSIX and prefix[:1] != b"\0":
        if block[508:] == b"tar\0":
            prefix = prefix[:_STAR_PREFIX_BYTES]
        name = prefix.partition(b"\0")[0] + b"/" + name
    content = _number(size)
    if content is None or not 0 <= content <= MOST:
        raise BadBlock("its size is no number that a size can be")
    seconds = _number(modified)
    return Header(
        name,
        type_,
        content,
        None if seconds is None else clamped(seconds * _SECOND),
        bool((_number(mode) or 0) & 0o111),
        link.partition(b"\0")[0],
        magic == _GNU,
    )


def is_header(block: bytes) -> bool:
    """Say whether a file that begins with this is a tar archive, by the magic of its first header or its checksum."""
    if len(block) < _FIELDS.size or not any(block[:100]):
        return False
    if block[_MAGIC] == b"ustar":
        return True  # and if its checksum is wrong, whoever reads it tells so
    try:
        return bool(parse_block(block[:512]))
    except BadBlock:
        return False


def number_of(field: bytes) -> int:
    """Read a number of a field, octal digits or GNU's binary form; raises BadBlock."""
    number = _number(field)
    if number is None or not 0 <= number <= MOST:
        raise BadBlock("one of its numbers is none")
    return number


def nanoseconds_of(seconds: bytes) -> int | None:
    """Read a time as pax records have it, decimal with a fraction; None if it is none."""
    found = _DECIMAL.fullmatch(seconds)
    if found is None:
        return None
    sign, whole, fraction = found.groups()
    nanoseconds = int(whole) * _SECOND + int((fraction or b"")[:9].ljust(9, b"0"))
    return clamped(-nanoseconds if sign else nanoseconds)


def clamped(nanoseconds: int) -> int:
    """Hold a time within what can be kept."""
    return max(-MOST, min(nanoseconds, MOST))


def _number(field: bytes) -> int | None:
    if field[0] & 0x80:
        # GNU's form for what eleven octal digits cannot say: a binary number with a sign, the top bit aside.
        value = int.from_bytes(field, "big") - (0x80 << 8 * (len(field) - 1))
        return value if not field[0] & 0x40 else value - (0x80 << 8 * (len(field) - 1))
    digits = field.partition(b"\0")[0].strip(b" ")
    if not digits:
        return 0
    try:
        return int(digits, 8) if digits.isdigit() else None
    except ValueError:
        return None


def _is_sum(block: bytes, field: bytes) -> bool:
    """Compare the sum of all bytes, its own field counted as spaces, with what it is said to be."""
    said = _number(field)
    if said is None:
        return False
    # The low half of this checksum is the sum of the bytes and 1, as long as they are few enough.
    total = (adler32(block[:256]) & 0xFFFF) + (adler32(block[256:]) & 0xFFFF) - 2
    total += 8 * ord(" ") - sum(field)
    if total == said:
        return True
    # Some systems once counted bytes as numbers with a sign.
    high = sum(byte >= 0x80 for byte in block) - sum(byte >= 0x80 for byte in field)
    return total - 256 * high == said
