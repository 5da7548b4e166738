"""Builds what stands around the contents in a zip file: headers, records of the directory, the end. Pure.

What an entry looks like depends on nothing but the entry: no owner, no host, times in UTC.
"""

from __future__ import annotations

import stat
from typing import NamedTuple

from actors.archives.packing import Entry
from actors.archives.zip import layout
from actors.archives.zip.layout import LIMIT16, LIMIT32, Extra, Flag, Method, Version
from actors.archives.zip.times import is_exact, to_dos, to_ntfs, to_seconds
from actors.datasources.rows import Kind

_MADE_BY = layout.MADE_BY_UNIX | 63  # version 6.3 of the specification
_FILE = (stat.S_IFREG | 0o644) << 16
_EXECUTABLE = (stat.S_IFREG | 0o755) << 16
_FOLDER = (stat.S_IFDIR | 0o755) << 16 | layout.FOLDER_ATTRIBUTE
_LINK = (stat.S_IFLNK | 0o777) << 16


class Heading(NamedTuple):
    """What both headers of a member say in the same words."""

    name: bytes
    flags: int
    time: int
    date: int
    local_extra: bytes
    central_extra: bytes
    attributes: int


class Packed(NamedTuple):
    """A content as it lies in the archive."""

    method: Method
    """How it is compressed, whether it is encrypted or not."""
    crc: int
    packed: int
    """With all that encryption adds."""
    size: int
    encrypted: bool = False


def heading(entry: Entry, *, executable: bool = False) -> Heading:
    """Give what the headers of an entry have in common.

    A name that is UTF-8 is said to be, unless it is ASCII. Any other one is written as it is, and nothing is said.
    """
    name, attributes = entry.name, _EXECUTABLE if executable else _FILE
    if entry.kind == Kind.FOLDER:
        name, attributes = name + b"/", _FOLDER
    elif entry.kind == Kind.LINK:
        attributes = _LINK
    time, date = to_dos(entry.modified_ns)
    timestamp, ntfs = _times(entry.modified_ns)
    return Heading(name, _name_flag(name), time, date, timestamp, timestamp + ntfs, attributes)


def local_header(head: Heading, content: Packed) -> bytes:
    """Give the header of a member whose content is known."""
    extra = head.local_extra + _aes(content)
    crc = 0 if content.encrypted else content.crc
    return _local(head, content, extra=extra, flags=0, figures=(crc, content.packed, content.size))


def streamed_header(head: Heading, content: Packed, *, wide: bool) -> bytes:
    """Give the header of a member whose content follows and is told of in a descriptor behind it.

    A `wide` one has room for sizes from 4 GiB on.
    """
    extra = head.local_extra + _aes(content)
    figures = (0, 0, 0)
    if wide:
        extra = _extra(Extra.ZIP64, bytes(16)) + extra
        figures = (0, LIMIT32, LIMIT32)
    return _local(head, content, extra=extra, flags=Flag.DESCRIPTOR, figures=figures, wide=wide)


def descriptor(content: Packed, *, wide: bool) -> bytes:
    """Give what follows the content of a streamed member."""
    layout_ = layout.DESCRIPTOR64 if wide else layout.DESCRIPTOR
    crc = 0 if content.encrypted else content.crc
    return layout_.pack(layout.DESCRIPTOR_SIGNATURE, crc, content.packed, content.size)


def central_record(head: Heading, content: Packed, *, offset: int, streamed: bool = False, wide: bool = False) -> bytes:
    """Give what the directory says of a member whose local header is at an offset."""
    large = [value for value in (content.size, content.packed, offset) if value >= LIMIT32]
    extra = head.central_extra + _aes(content)
    if large:
        extra = _extra(Extra.ZIP64, b"".join(value.to_bytes(8, "little") for value in large)) + extra
    return (
        layout.CENTRAL.pack(
            layout.CENTRAL_SIGNATURE,
            _MADE_BY,
            _version(content, wide=wide or bool(large)),
            head.flags | _flags(content) | (Flag.DESCRIPTOR if streamed else 0),
            Method.AES if content.encrypted else content.method,
            head.time,
            head.date,
            0 if content.encrypted else content.crc,
            min(content.packed, LIMIT32),
            min(content.size, LIMIT32),
            len(head.name),
            len(extra),
            0,
            0,
            0,
            head.attributes,
            min(offset, LIMIT32),
        )
        + head.name
        + extra
    )


def end_records(*, count: int, size: int, offset: int) -> bytes:
    """Give what follows a directory of so many records and bytes that begins at an offset."""
    end = layout.END.pack(
        layout.END_SIGNATURE,
        0,
        0,
        min(count, LIMIT16),
        min(count, LIMIT16),
        min(size, LIMIT32),
        min(offset, LIMIT32),
        0,
    )
    if count < LIMIT16 and size < LIMIT32 and offset < LIMIT32:
        return end
    end64 = layout.END64.pack(
        layout.END64_SIGNATURE,
        layout.END64_FOLLOWING,
        _MADE_BY,
        Version.ZIP64,
        0,
        0,
        count,
        count,
        size,
        offset,
    )
    return end64 + layout.LOCATOR64.pack(layout.LOCATOR64_SIGNATURE, 0, offset + size, 1) + end


def _local(
    head: Heading,
    content: Packed,
    *,
    extra: bytes,
    flags: int,
    figures: tuple[int, int, int],
    wide: bool = False,
) -> bytes:
    return (
        layout.LOCAL.pack(
            layout.LOCAL_SIGNATURE,
            _version(content, wide=wide),
            head.flags | flags | _flags(content),
            Method.AES if content.encrypted else content.method,
            head.time,
            head.date,
            *figures,
            len(head.name),
            len(extra),
        )
        + head.name
        + extra
    )


def _flags(content: Packed) -> int:
    return Flag.ENCRYPTED if content.encrypted else 0


def _version(content: Packed, *, wide: bool) -> int:
    if content.encrypted:
        return Version.AES
    return Version.ZIP64 if wide else Version.BASIC


def _name_flag(name: bytes) -> int:
    if name.isascii():
        return 0
    try:
        name.decode()
    except UnicodeDecodeError:
        return 0
    return Flag.UTF8


def _times(modified_ns: int) -> tuple[bytes, bytes]:
    """Give the extra fields of seconds, and of what they cannot say; nothing for a time that is not known."""
    if not modified_ns:
        return b"", b""
    seconds = to_seconds(modified_ns)
    timestamp = b"" if seconds is None else _extra(Extra.TIMESTAMP, layout.TIMESTAMP.pack(1, seconds))
    ticks = None if is_exact(modified_ns) else to_ntfs(modified_ns)
    if ticks is None:
        return timestamp, b""
    # The field has all three times or none; what is not known is told as the one that is.
    ntfs = layout.NTFS.pack(0, layout.NTFS_TAG, layout.NTFS_TAG_BYTES, ticks, ticks, ticks)
    return timestamp, _extra(Extra.NTFS, ntfs)


def _aes(content: Packed) -> bytes:
    if not content.encrypted:
        return b""
    field = layout.AES.pack(layout.AES_VERSION, layout.AES_VENDOR, layout.AES_STRENGTH, content.method)
    return _extra(Extra.AES, field)


def _extra(id_: Extra, data: bytes) -> bytes:
    return layout.EXTRA.pack(id_, len(data)) + data
