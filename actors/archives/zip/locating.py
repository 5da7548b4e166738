"""Finds where the content of a member is, and that what stands before it says the same as the directory. Pure."""

from __future__ import annotations

from typing import NamedTuple

from actors.archives.reading import Damaged
from actors.archives.telling import shown
from actors.archives.zip.layout import LIMIT32, LOCAL, LOCAL_SIGNATURE, Extra, Flag, Method
from actors.archives.zip.records import ZipMember, extra_fields

USUAL_EXTRA_BYTES = 256
"""How much of extra fields is read with a header; those with more cost another read."""
_DESCRIPTOR_BYTES = 12
_DESCRIPTOR = int(Flag.DESCRIPTOR)
# Whether sizes follow the content is told by the local header alone: some leave the bit out of the directory.
_COMPARED = int(Flag.ENCRYPTED | Flag.STRONG | Flag.UTF8 | Flag.MASKED)
_AES = int(Method.AES)


class Header(NamedTuple):
    """A local header."""

    begins: int
    """Where the content begins, from the header on."""
    flags: int


def header_bytes(member: ZipMember) -> int:
    """Give how many bytes are read to have the header, in nearly all cases; none are of another member."""
    return min(LOCAL.size + len(member.raw_name) + USUAL_EXTRA_BYTES, member.limit - member.place)


def check_header(data: memoryview, member: ZipMember) -> Header:
    """Compare a local header with the directory; `data` begins with it and has all that belongs to the member.

    Raises Damaged if they do not agree, or the content reaches into the next member.
    """
    if len(data) < LOCAL.size:
        raise _damaged(member, "it is cut off")
    signature, _, flags, method, _, _, crc, packed, size, name_bytes, extra_bytes = LOCAL.unpack_from(data)
    if signature != LOCAL_SIGNATURE:
        raise _damaged(member, "there is no member where the directory says")
    begins = LOCAL.size + name_bytes
    if data[LOCAL.size : begins] != member.raw_name:
        name = shown(bytes(data[LOCAL.size : begins]))
        raise _damaged(member, f"where the directory says, there is one called {name}")
    if method != (_AES if member.aes else member.method) or (flags ^ member.flags) & _COMPARED:
        raise _damaged(member, "its header and the directory do not agree on how it is packed")
    if not flags & _DESCRIPTOR and (crc, packed, size) != (member.crc, member.packed_bytes, member.content_bytes):
        if LIMIT32 in (packed, size):
            packed, size = _long_sizes(packed, size, bytes(data[begins : begins + extra_bytes]), member)
        if (crc, packed, size) != (member.crc, member.packed_bytes, member.content_bytes):
            raise _damaged(member, "its header and the directory do not agree on its sizes or its checksum")
    begins += extra_bytes
    end = begins + member.packed_bytes + (_DESCRIPTOR_BYTES if flags & _DESCRIPTOR else 0)
    if end > member.limit - member.place:
        raise _damaged(member, "it reaches into the next member")
    return Header(begins, flags)


def _long_sizes(packed: int, size: int, extra: bytes, member: ZipMember) -> tuple[int, int]:
    # In a local header both are there if one is, but not everybody holds to that.
    data = extra_fields(extra).get(Extra.ZIP64, b"")
    values = [int.from_bytes(data[at : at + 8], "little") for at in range(0, len(data) - 7, 8)]
    try:
        if size == LIMIT32:
            size = values.pop(0)
        if packed == LIMIT32:
            packed = values.pop(0)
    except IndexError:
        raise _damaged(member, "its zip64 sizes are missing") from None
    return packed, size


def _damaged(member: ZipMember, reason: str) -> Damaged:
    return Damaged(f"{shown(member.name)}: {reason}")
