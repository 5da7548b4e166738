"""Writes the headers of a tar archive: ustar (POSIX.1-1988), and pax records (POSIX.1-2001) for what it cannot say.

Records are written for names and links that are too long or not ASCII, for sizes from 8 GiB on, and for times that
are no whole second or do not fit. Names are UTF-8 there, as pax demands; where one is not, all records of the entry are
said to be bytes (`hdrcharset=BINARY`), which is what they are to readers that do not know the word. Pure.
"""

from __future__ import annotations

from functools import lru_cache

from actors.archives.packing import Entry
from actors.datasources.rows import Kind
from rota.names import is_utf8

BLOCK_BYTES = 512
END_BYTES = 2 * BLOCK_BYTES
"""An archive ends with two blocks of zeros,"""
RECORD_BYTES = 20 * BLOCK_BYTES
"""and is filled up to a multiple of this, as tapes had it and readers still expect it."""

_NAME_BYTES = 100
_PREFIX_BYTES = 155
_NUMBER_LIMIT = 8**11
"""Sizes and times have eleven octal digits."""
_SECOND = 1_000_000_000
_TYPES = {Kind.FILE: b"0", Kind.FOLDER: b"5", Kind.LINK: b"2"}
_RECORDS_TYPE = b"x"
_RECORDS_NAME = b"././@PaxHeader"
"""What a reader that knows no pax calls the file it makes of the records."""
_MODE = 0o644
_MODE_EXECUTABLE = 0o755
_MODE_LINK = 0o777
_PADDINGS = tuple(bytes(length) for length in range(BLOCK_BYTES))


def header_of(entry: Entry, *, executable: bool = False) -> bytes:
    """Give the header of an entry, with the header of its records before it if it needs any; all in whole blocks.

    It has no owner and no host. Only files can be executable; folders always are, links are what they lead to.
    """
    name = entry.name + b"/" if entry.kind is Kind.FOLDER else entry.name
    size = entry.size if entry.kind is Kind.FILE else 0
    seconds, rest = divmod(entry.modified_ns, _SECOND)
    prefix, short = b"", name
    records: list[tuple[bytes, bytes]] = []
    if len(name) > _NAME_BYTES or not name.isascii():
        prefix, short, fits = _split(name)
        if not fits:
            records.append((b"path", name))
    if len(entry.link) > _NAME_BYTES or not entry.link.isascii():
        records.append((b"linkpath", entry.link))
    if size >= _NUMBER_LIMIT:
        records.append((b"size", b"%d" % size))
        size = 0
    if rest or not 0 <= seconds < _NUMBER_LIMIT:
        records.append((b"mtime", _decimal(seconds, rest)))
        seconds = min(max(seconds, 0), _NUMBER_LIMIT - 1)
    header = _ustar(
        short,
        mode=_mode(entry.kind, executable),
        size=size,
        seconds=seconds,
        type_=_TYPES[entry.kind],
        link=entry.link[:_NAME_BYTES],
        prefix=prefix,
    )
    return _records_of(records) + header if records else header


def padding_of(size: int) -> bytes:
    """Give the zeros that fill the last block of a content."""
    return _PADDINGS[-size % BLOCK_BYTES]


def end_of(length: int) -> bytes:
    """Give what ends an archive whose entries take so many bytes."""
    return bytes(END_BYTES + -(length + END_BYTES) % RECORD_BYTES)


def _split(name: bytes) -> tuple[bytes, bytes, bool]:
    """Divide a long name at a slash, and tell whether the two fields can say it; if not, they hold its beginning."""
    if name.isascii() and len(name) <= _PREFIX_BYTES + 1 + _NAME_BYTES:
        # The shortest prefix will do, and never the slash that ends the name of a folder.
        at = name.find(b"/", len(name) - 1 - _NAME_BYTES, len(name) - 1)
        if 0 < at <= _PREFIX_BYTES:
            return name[:at], name[at + 1 :], True
    return b"", name[:_NAME_BYTES], False


def _mode(kind: Kind, executable: bool) -> int:
    if kind is Kind.LINK:
        return _MODE_LINK
    return _MODE_EXECUTABLE if executable or kind is Kind.FOLDER else _MODE


def _ustar(
    name: bytes, *, mode: int, size: int, seconds: int, type_: bytes, link: bytes = b"", prefix: bytes = b""
) -> bytes:
    """Make one block: name, mode, owner and group (0), size, time, checksum, type, link, version, no owner, prefix."""
    numbers = b"%07o\x000000000\x000000000\x00%011o\x00%011o\x00" % (mode, size, seconds)
    # The sum counts its own field as eight spaces; only what differs from header to header is added up.
    total = _SUM_OF_THE_REST + sum(name) + sum(numbers) + type_[0] + sum(link) + sum(prefix)
    block = b"%s%s%06o\x00 %s%sustar\x0000%s%s" % (
        name.ljust(_NAME_BYTES, b"\0"),
        numbers,
        total,
        type_,
        link.ljust(_NAME_BYTES, b"\0"),
        _PADDINGS[80],  # names of owner and group, numbers of a device
        prefix,
    )
    return block.ljust(BLOCK_BYTES, b"\0")


_SUM_OF_THE_REST = 8 * ord(" ") + sum(b"ustar\x0000")


def _records_of(records: list[tuple[bytes, bytes]]) -> bytes:
    if not all(is_utf8(value) for _, value in records):
        records = [(b"hdrcharset", b"BINARY"), *records]  # it holds for the records behind it
    data = b"".join([_record(key, value) for key, value in records])
    return b"%s%s%s" % (_records_header(len(data)), data, padding_of(len(data)))


@lru_cache(maxsize=256)  # nearly all of them have but the time in them, and so one length
def _records_header(size: int) -> bytes:
    return _ustar(_RECORDS_NAME, mode=_MODE, size=size, seconds=0, type_=_RECORDS_TYPE)


def _record(key: bytes, value: bytes) -> bytes:
    """Give a line that begins with its own length, digits included."""
    line = b" %s=%s\n" % (key, value)
    length = len(line) + len(str(len(line)))
    length = len(line) + len(str(length))  # the digits may make it one digit longer
    return b"%d%s" % (length, line)


def _decimal(seconds: int, rest: int) -> bytes:
    """Write a time in seconds, always with nine digits behind the point: so nearly all records have one length."""
    if seconds < 0 < rest:
        return b"-%d.%09d" % (-seconds - 1, _SECOND - rest)
    return b"%d.%09d" % (seconds, rest)
