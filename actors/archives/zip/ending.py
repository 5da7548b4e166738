"""Finds the end record of a zip file, and by it the directory: before a comment, behind what precedes the archive."""

from __future__ import annotations

from typing import NamedTuple

from actors.archives.reading import ArchiveFile, Damaged, Unsupported
from actors.archives.zip.layout import (
    CENTRAL_SIGNATURE,
    END,
    END64,
    END64_FOLLOWING,
    END64_SIGNATURE,
    END_SIGNATURE,
    LIMIT16,
    LIMIT32,
    LOCATOR64,
    LOCATOR64_SIGNATURE,
)

_TAIL_BYTES = LOCATOR64.size + END.size + LIMIT16
_END = END_SIGNATURE.to_bytes(4, "little")
_CENTRAL = CENTRAL_SIGNATURE.to_bytes(4, "little")


class Ending(NamedTuple):
    """Where the directory is and what it shall hold."""

    start: int
    """Its first byte."""
    size: int
    records: int
    lead: int
    """How many bytes stand before the archive, as in those that extract themselves: all offsets count from there."""
    is_modulo: bool
    """Whether the number of records is only known modulo 65,536: some write more without saying so elsewhere."""


class _Told(NamedTuple):
    """What an end record says, the 64-bit one where there is one."""

    disk: int
    directory_disk: int
    records: int
    size: int
    offset: int
    end: int
    """Where the directory ends at the latest."""
    is_64: bool


def find_ending(file: ArchiveFile) -> Ending:
    """Find the directory; raises Damaged if there is none, or where the records about it contradict each other.

    A comment may hold what looks like an end record: the last one counts whose directory is where it says.
    """
    start = max(0, file.size - _TAIL_BYTES)
    tail = file.read_at(start, file.size - start)
    problem: Damaged | Unsupported | None = None
    place = len(tail)
    while (place := tail.rfind(_END, 0, place + len(_END) - 1)) >= 0:
        if len(tail) - place < END.size:
            continue
        comment = END.unpack_from(tail, place)[7]
        if place + END.size + comment > len(tail):
            continue
        try:
            return _ending(file, tail, start, place)
        except (Damaged, Unsupported) as error:
            problem = problem or error
    raise problem or Damaged(f"{file.name!r}: it has no end record: it is cut off, or no zip archive")


def _ending(file: ArchiveFile, tail: bytes, start: int, place: int) -> Ending:
    told = _told(file, tail, start, place)
    if told.disk or told.directory_disk:
        raise Unsupported(f"{file.name!r}: it is one of several disks of an archive; join them first, by: zip -s 0")
    if told.offset + told.size > told.end:
        raise Damaged(f"{file.name!r}: its directory of {told.size:,} bytes at {told.offset:,} leads past its end")
    lead = told.end - told.size - told.offset
    if lead and told.records and file.read_at(told.end - told.size, 4) != _CENTRAL:
        # Not something before the archive, but something between the directory and its end, such as a signature.
        lead = 0
    if told.records and file.read_at(told.offset + lead, 4) != _CENTRAL:
        raise Damaged(f"{file.name!r}: there is no directory where its end record says, at byte {told.offset:,}")
    return Ending(told.offset + lead, told.size, told.records, lead, is_modulo=not told.is_64)


def _told(file: ArchiveFile, tail: bytes, start: int, place: int) -> _Told:
    _, disk, directory_disk, _, records, size, offset, _ = END.unpack_from(tail, place)
    locator = place - LOCATOR64.size
    if locator < 0 or int.from_bytes(tail[locator : locator + 4], "little") != LOCATOR64_SIGNATURE:
        return _Told(disk, directory_disk, records, size, offset, start + place, is_64=False)
    _, _, said_at, disks = LOCATOR64.unpack_from(tail, locator)
    if disks > 1:
        raise Unsupported(f"{file.name!r}: it is one of {disks} disks of an archive; join them first")
    at, end64 = _end64(file, said_at, start + locator)
    _, _, _, _, disk64, directory_disk64, _, records64, size64, offset64 = end64
    pairs = (
        (disk, disk64, LIMIT16),
        (directory_disk, directory_disk64, LIMIT16),
        (records, records64, LIMIT16),
        (size, size64, LIMIT32),
        (offset, offset64, LIMIT32),
    )
    if any(short not in (long, limit) for short, long, limit in pairs):
        raise Damaged(f"{file.name!r}: its two end records contradict each other")
    return _Told(disk64, directory_disk64, records64, size64, offset64, at, is_64=True)


def _end64(file: ArchiveFile, said_at: int, locator_at: int) -> tuple[int, tuple[int, ...]]:
    # Behind something that was put before the archive it is not where it says, but then it has its usual length.
    for at in (said_at, locator_at - END64.size):
        if not 0 <= at <= locator_at - END64.size:
            continue
        fields = END64.unpack(file.read_at(at, END64.size))
        if fields[0] == END64_SIGNATURE and at + END64.size - END64_FOLLOWING + fields[1] == locator_at:
            return at, fields
    raise Damaged(f"{file.name!r}: its zip64 end record is not where it says")
