"""How the list of members of a 7z archive is laid out (7zFormat.txt of the LZMA SDK). Pure."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from struct import Struct
from typing import NamedTuple
from zlib import crc32

SIGNATURE = b"7z\xbc\xaf\x27\x1c"
_VERSION = b"\x00\x04"
_START = Struct("<QQI")
START_BYTES = len(SIGNATURE) + len(_VERSION) + 4 + _START.size
"""Everything counts from behind these."""


class Property(IntEnum):
    """What the next bytes of a header are."""

    END = 0x00
    HEADER = 0x01
    MAIN_STREAMS = 0x04
    FILES = 0x05
    PACKED = 0x06
    UNPACKED = 0x07
    SUBSTREAMS = 0x08
    SIZE = 0x09
    CRC = 0x0A
    FOLDER = 0x0B
    CODERS_SIZE = 0x0C
    SUBSTREAM_COUNT = 0x0D
    EMPTY_STREAM = 0x0E
    EMPTY_FILE = 0x0F
    NAME = 0x11
    MODIFIED = 0x14
    ATTRIBUTES = 0x15
    ENCODED_HEADER = 0x17


class Coder(NamedTuple):
    """One step in which a stream is unpacked, and how many bytes come out of it."""

    method: bytes
    properties: bytes
    size: int


class Packed(NamedTuple):
    """A stream in the archive: where it begins, behind the start, and how it is unpacked, step by step."""

    offset: int
    size: int
    coders: Sequence[Coder]


@dataclass(slots=True)
class Table:
    """The members of an archive as columns: 40 bytes of memory each, and their names."""

    names: bytearray = field(default_factory=bytearray)
    modified: array[int] = field(default_factory=lambda: array("Q"))
    """0 where it is not known."""
    attributes: array[int] = field(default_factory=lambda: array("I"))
    has_content: bytearray = field(default_factory=bytearray)
    is_folder: bytearray = field(default_factory=bytearray)
    sizes: array[int] = field(default_factory=lambda: array("Q"))
    """Of those that have content, as the checksums."""
    crcs: array[int] = field(default_factory=lambda: array("I"))

    def __len__(self) -> int:
        return len(self.modified)

    def add(self, name: str, *, modified: int, attributes: int, is_folder: bool) -> None:
        """Begin a member; what has content is told by `add_content` behind it."""
        self.names += name.encode("utf-16-le") + b"\0\0"
        self.modified.append(modified)
        self.attributes.append(attributes)
        self.is_folder.append(is_folder)
        self.has_content.append(0)

    def add_content(self, size: int, crc: int) -> None:
        """Say what the content of the last member is; nothing happens if it is empty."""
        if size:
            self.has_content[-1] = 1
            self.sizes.append(size)
            self.crcs.append(crc)


def start_of(header_offset: int, header: bytes) -> bytes:
    """Give the first bytes of an archive; all zeros but for the signature if it has no members."""
    rest = _START.pack(header_offset, len(header), crc32(header)) if header else bytes(_START.size)
    return SIGNATURE + _VERSION + crc32(rest).to_bytes(4, "little") + rest


def header_of(table: Table, packed: Packed | None) -> bytes:
    """Give the list of members; `packed` is None if no member has content."""
    streams = b""
    if packed is not None:
        streams = b"".join(
            (bytes((Property.MAIN_STREAMS,)), _stream(packed), bytes((Property.END,)), _substreams(table), _END)
        )
    return bytes((Property.HEADER,)) + streams + _files(table) + _END


def encoded_header_of(packed: Packed, crc: int) -> bytes:
    """Give what stands at the end of an archive whose list of members is a packed stream itself."""
    crcs = bytes((Property.CRC, 1)) + crc.to_bytes(4, "little")
    return bytes((Property.ENCODED_HEADER,)) + _stream(packed) + crcs + _END + _END


def number(value: int) -> bytes:
    """Give a number in the form of 7z: the first byte tells by its leading ones how many follow."""
    for following in range(8):
        if value < 1 << 7 * (following + 1):
            first = 0xFF << (8 - following) & 0xFF | value >> 8 * following
            return bytes((first,)) + (value & (1 << 8 * following) - 1).to_bytes(following, "little")
    return b"\xff" + value.to_bytes(8, "little")


def bits(flags: Iterable[int]) -> bytes:
    """Give flags as bits, the first one the highest of the first byte."""
    text = "".join("1" if flag else "0" for flag in flags)
    padded = text.ljust(-(-len(text) // 8) * 8, "0")
    return int(padded, 2).to_bytes(len(padded) // 8, "big") if padded else b""


_END = bytes((Property.END,))


def _stream(packed: Packed) -> bytes:
    """Give where a stream is and how it is unpacked, without the end: checksums may follow."""
    coders = b"".join(
        bytes((len(coder.method) | (0x20 if coder.properties else 0),))
        + coder.method
        + (number(len(coder.properties)) + coder.properties if coder.properties else b"")
        for coder in packed.coders
    )
    # Each takes what the one before it gives.
    bonds = b"".join(number(at + 1) + number(at) for at in range(len(packed.coders) - 1))
    return b"".join(
        (
            bytes((Property.PACKED,)) + number(packed.offset) + number(1),
            bytes((Property.SIZE,)) + number(packed.size) + _END,
            bytes((Property.UNPACKED, Property.FOLDER)) + number(1) + b"\0" + number(len(packed.coders)),
            coders + bonds + bytes((Property.CODERS_SIZE,)),
            *(number(coder.size) for coder in packed.coders),
        )
    )


def _substreams(table: Table) -> bytes:
    count = len(table.sizes)
    # The last size is what is left of the stream.
    sizes = bytes((Property.SIZE,)) + b"".join(map(number, table.sizes[:-1])) if count > 1 else b""
    crcs = bytes((Property.CRC, 1)) + Struct(f"<{count}I").pack(*table.crcs)
    return bytes((Property.SUBSTREAMS, Property.SUBSTREAM_COUNT)) + number(count) + sizes + crcs + _END


def _files(table: Table) -> bytes:
    count = len(table)
    empty = [not has for has in table.has_content]
    empty_files = [not folder for folder, is_empty in zip(table.is_folder, empty, strict=True) if is_empty]
    known = [time for time in table.modified if time]
    parts = [bytes((Property.FILES,)), number(count)]
    if any(empty):
        parts.append(_property(Property.EMPTY_STREAM, bits(empty)))
    if any(empty_files):
        parts.append(_property(Property.EMPTY_FILE, bits(empty_files)))
    parts.append(_property(Property.NAME, b"\0" + table.names))
    if known:
        defined = b"\1" if len(known) == count else b"\0" + bits(table.modified)
        parts.append(_property(Property.MODIFIED, defined + b"\0" + Struct(f"<{len(known)}Q").pack(*known)))
    attributes = Struct(f"<{count}I").pack(*table.attributes)
    parts.append(_property(Property.ATTRIBUTES, b"\1\0" + attributes))
    return b"".join(parts) + _END


def _property(kind: Property, data: bytes | bytearray) -> bytes:
    return bytes((kind,)) + number(len(data)) + data
