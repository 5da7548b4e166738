"""Zip archives written by hand, as no tool writes them: every field can be set, to lie."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field

_LOCAL = struct.Struct("<IHHHHHIIIHH")
_CENTRAL = struct.Struct("<IHHHHHHIIIHHHHHII")
_UNIX = 3 << 8


@dataclass(frozen=True, kw_only=True)
class ZipEntry:
    """A member; what is None is as it should be. `local` and `central` change fields of one header only."""

    name: bytes = b"a.txt"
    content: bytes = b"hello"
    method: int = 0
    flags: int = 0
    mode: int = 0o100644
    made_by: int = _UNIX
    dos_time: int = 0
    dos_date: int = (2020 - 1980) << 9 | 5 << 5 | 17
    packed: bytes | None = None
    crc: int | None = None
    local_extra: bytes = b""
    central_extra: bytes = b""
    after: bytes = b""
    """What follows the content, such as a descriptor."""
    attributes: int = 0
    """The lower half of the external attributes."""
    local: dict[str, int | bytes] = field(default_factory=dict)
    central: dict[str, int | bytes] = field(default_factory=dict)


def deflated(content: bytes) -> bytes:
    """Give it compressed as in a zip file."""
    compressor = zlib.compressobj(6, zlib.DEFLATED, -15)
    return compressor.compress(content) + compressor.flush()


def local_part(entry: ZipEntry) -> bytes:
    """Give local header, content and what follows."""
    told = _fields(entry) | entry.local
    name, extra = bytes(told["name"]), entry.local_extra
    head = _LOCAL.pack(
        0x04034B50, 20, told["flags"], told["method"], entry.dos_time, entry.dos_date,
        told["crc"], told["packed"], told["size"], len(name), len(extra),
    )  # fmt: skip
    return head + name + extra + _packed(entry) + entry.after


def central_part(entry: ZipEntry, offset: int) -> bytes:
    """Give the directory's record."""
    told = _fields(entry) | {"offset": offset, "disk": 0} | entry.central
    name, extra = bytes(told["name"]), entry.central_extra
    return _CENTRAL.pack(
        0x02014B50, entry.made_by | 20, 20, told["flags"], told["method"], entry.dos_time, entry.dos_date,
        told["crc"], told["packed"], told["size"], len(name), len(extra), 0, told["disk"], 0,
        entry.mode << 16 | entry.attributes, told["offset"],
    ) + name + extra  # fmt: skip


def end_part(*, records: int, size: int, offset: int, comment: bytes = b"", disk: int = 0) -> bytes:
    """Give the end record."""
    return struct.pack("<IHHHHIIH", 0x06054B50, disk, disk, records, records, size, offset, len(comment)) + comment


def end64_part(
    *, records: int, size: int, offset: int, at: int, following: int = 44, said_at: int | None = None
) -> bytes:
    """Give the zip64 end record, which stands at `at`, and its locator."""
    end = struct.pack("<IQHHIIQQQQ", 0x06064B50, following, 45, 45, 0, 0, records, records, size, offset)
    return end + struct.pack("<IIQI", 0x07064B50, 0, at if said_at is None else said_at, 1)


def zip_bytes(entries: Iterable[ZipEntry], *, comment: bytes = b"", lead: bytes = b"") -> bytes:
    """Give a whole archive; `lead` stands before it, and no offset knows of it."""
    data, directory, count = b"", b"", 0
    for entry in entries:
        directory += central_part(entry, len(data))
        data += local_part(entry)
        count += 1
    return lead + data + directory + end_part(records=count, size=len(directory), offset=len(data), comment=comment)


def _packed(entry: ZipEntry) -> bytes:
    if entry.packed is not None:
        return entry.packed
    return deflated(entry.content) if entry.method == 8 else entry.content


def _fields(entry: ZipEntry) -> dict[str, int | bytes]:
    return {
        "name": entry.name,
        "flags": entry.flags,
        "method": entry.method,
        "crc": zlib.crc32(entry.content) if entry.crc is None else entry.crc,
        "packed": len(_packed(entry)),
        "size": len(entry.content),
    }
