"""Reads one record of a zip file's directory: sizes, names, times, kinds. Pure; quick, for there may be a million."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple
from zlib import crc32

from actors.archives.reading import Damaged, Member, MemberKind
from actors.archives.zip.layout import (
    AES,
    AES_VENDOR,
    EXTRA,
    FOLDER_ATTRIBUTE,
    LIMIT32,
    MADE_BY_UNIX,
    NTFS_TAG,
    NTFS_TAG_BYTES,
    Extra,
    Flag,
    Method,
)
from actors.archives.zip.times import from_dos, from_ntfs

_UNIX = frozenset({MADE_BY_UNIX >> 8, 19})  # 19: macOS
_WINDOWS = frozenset({0, 10, 14})  # FAT, NTFS, VFAT
_HAS_MODE = 0x8000  # in the lower half of the attributes: p7zip's way to say that the upper half is a mode
_UTF8, _ENCRYPTED = int(Flag.UTF8), int(Flag.ENCRYPTED)  # the enum's own arithmetic takes ten times as long
_SECOND = 1_000_000_000
_AES = int(Method.AES)

Fields = tuple[int, ...]
"""A central record as `layout.CENTRAL` has it, but sizes and offset in full."""


class Aes(NamedTuple):
    """How a content is encrypted by AES."""

    version: int
    """1 keeps a checksum of the content, 2 does not."""
    strength: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ZipMember(Member):
    """A member with what it takes to find its content; `place` is where its local header begins."""

    limit: int
    """Where the next member begins, or the directory: all of this one lies before it."""
    raw_name: bytes
    """As both headers have it; `name` may come from an extra field."""
    flags: int
    method: int
    """How the content is packed, under the encryption if there is one."""
    crc: int
    packed_bytes: int
    content_bytes: int
    dos_time: int
    aes: Aes | None


def full_fields(fields: Fields, extra: bytes) -> Fields:
    """Give the fields of a record with sizes and offset from the zip64 extra field, where they are there.

    Raises Damaged, without a name, if they should be and are not.
    """
    packed, size, offset = fields[8], fields[9], fields[16]
    wanted = [size == LIMIT32, packed == LIMIT32, offset == LIMIT32]
    data = extra_fields(extra).get(Extra.ZIP64, b"")
    if len(data) < 8 * sum(wanted):
        raise Damaged("its zip64 sizes are missing")
    values = iter([int.from_bytes(data[at : at + 8], "little") for at in range(0, 8 * sum(wanted), 8)])
    size, packed, offset = (
        next(values) if is_wanted else told for is_wanted, told in zip(wanted, (size, packed, offset), strict=True)
    )
    return (*fields[:8], packed, size, *fields[10:16], offset)


def extra_fields(extra: bytes) -> dict[int, bytes]:
    """Give the extra fields by their ids, the first of each; what is no field, as some write for padding, ends them."""
    found: dict[int, bytes] = {}
    at = 0
    while at + EXTRA.size <= len(extra):
        id_, length = EXTRA.unpack_from(extra, at)
        at += EXTRA.size
        if at + length > len(extra):
            break
        found.setdefault(id_, extra[at : at + length])
        at += length
    return found


def make_member(number: int, fields: Fields, name: bytes, extra: bytes, *, place: int, limit: int) -> ZipMember:
    """Give a record as a member; its link, if it is one, is not read yet. Raises Damaged, without a name."""
    _, made_by, _, flags, method, dos_time, dos_date, crc, packed, size, *_, external, _ = fields
    extras = extra_fields(extra) if extra else {}
    encrypted = flags & _ENCRYPTED != 0
    aes = None
    if method == _AES:
        if not encrypted:
            raise Damaged("it is AES by its method and not encrypted by its flags")
        aes, method = _aes(extras.get(Extra.AES, b""))
    system = made_by >> 8
    mode = external >> 16 if system in _UNIX or external & _HAS_MODE else 0
    unicode_name = _unicode_path(extras.get(Extra.UNICODE_PATH, b""), name) if extras else b""
    modified_ns = _extra_time(extras) if extras else None
    backslashes = system in _WINDOWS
    return ZipMember(
        number=number,
        name=unicode_name or name,
        utf8=flags & _UTF8 != 0 or unicode_name != b"",
        kind=_kind(mode, external, name, is_empty=not size, backslashes=backslashes),
        size=size,
        packed=packed,
        modified_ns=_dos_time(dos_time, dos_date) if modified_ns is None else modified_ns,
        executable=mode & 0o111 != 0,
        encrypted=encrypted,
        backslashes=backslashes,
        place=place,
        limit=limit,
        raw_name=name,
        flags=flags,
        method=method,
        crc=crc,
        packed_bytes=packed,
        content_bytes=size,
        dos_time=dos_time,
        aes=aes,
    )


def _kind(mode: int, external: int, name: bytes, *, is_empty: bool, backslashes: bool) -> MemberKind:
    type_ = stat.S_IFMT(mode)
    if type_ == stat.S_IFLNK:
        return MemberKind.LINK
    if type_ and type_ not in (stat.S_IFREG, stat.S_IFDIR):
        return MemberKind.SPECIAL
    if name.endswith(b"/") or type_ == stat.S_IFDIR:
        return MemberKind.FOLDER
    if is_empty and (external & FOLDER_ATTRIBUTE or (backslashes and name.endswith(b"\\"))):
        return MemberKind.FOLDER
    return MemberKind.FILE


def _aes(data: bytes) -> tuple[Aes, int]:
    if len(data) < AES.size:
        raise Damaged("it does not say how it is encrypted")
    version, vendor, strength, method = AES.unpack_from(data)
    if vendor != AES_VENDOR or version not in (1, 2) or strength not in (1, 2, 3):
        raise Damaged("how it says it is encrypted is no way to encrypt")
    return Aes(version, strength), method


def _unicode_path(data: bytes, name: bytes) -> bytes:
    """Give the name in Unicode; empty if there is none, or it is of another name: some tools rename without it."""
    if len(data) < 5 or data[0] != 1 or int.from_bytes(data[1:5], "little") != crc32(name):
        return b""
    try:
        data[5:].decode()
    except UnicodeDecodeError:
        return b""
    return data[5:]


def _extra_time(extras: dict[int, bytes]) -> int | None:
    ntfs = extras.get(Extra.NTFS, b"")
    # Four bytes of nothing, then tags with a length each; the one of times comes first, whoever writes it.
    if len(ntfs) >= 32 and EXTRA.unpack_from(ntfs, 4) == (NTFS_TAG, NTFS_TAG_BYTES):
        ticks = int.from_bytes(ntfs[8:16], "little")
        if ticks:
            return from_ntfs(ticks)
    timestamp = extras.get(Extra.TIMESTAMP, b"")
    if len(timestamp) >= 5 and timestamp[0] & 1:
        return int.from_bytes(timestamp[1:5], "little", signed=True) * _SECOND
    return None


# The files of an archive often were made in the same few seconds.
_dos_time = lru_cache(maxsize=256)(from_dos)
