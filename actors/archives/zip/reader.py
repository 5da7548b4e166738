"""Reads zip files: the directory first, then members at any place, in several threads at once.

What the directory says of a member is believed only where its own header says the same, and its content proves it: by
its size, its checksum, or its tag if it is encrypted by AES.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

from actors.archives.packing import SMALL_BYTES
from actors.archives.reading import (
    ArchiveError,
    ArchiveFile,
    Damaged,
    Member,
    MemberKind,
    PasswordNeeded,
    Unsupported,
    WrongPassword,
)
from actors.archives.telling import shown
from actors.archives.zip.decoding import coding_of, unpack
from actors.archives.zip.decryption import decrypted, overhead_bytes
from actors.archives.zip.directory import Directory
from actors.archives.zip.ending import find_ending
from actors.archives.zip.layout import Flag, Method
from actors.archives.zip.locating import check_header, header_bytes
from actors.archives.zip.neighbours import Neighbours
from actors.archives.zip.records import ZipMember, make_member
from rota.archives import Format

MOST_LINK_BYTES = 4096
"""How long the target of a link may be."""
_READ_BYTES = 1024 * 1024
_STORED, _DEFLATE = int(Method.STORED), int(Method.DEFLATE)
_PATCH = 1 << 5  # the content is a change to another file
_UNREADABLE = int(Flag.STRONG | Flag.MASKED) | _PATCH


class ZipArchive:
    """An archive in zip format; see `reading.Archive`, `reading.WholeReading` and `reading.NamesAhead`."""

    format = Format.ZIP
    is_direct = True

    def __init__(self, file: ArchiveFile, *, password: str | None = None) -> None:
        """Read and check the directory; `password` is for all members."""
        ending = find_ending(file)
        self._file = file
        self._password = password
        self._directory = Directory(file, ending)
        self._neighbours = Neighbours(file, end=ending.start)
        self._lock = threading.Lock()
        self._consumed = 0
        self._is_password_proven = False

    @property
    def consumed(self) -> int:
        """How many bytes of members were read so far, their headers among them; the directory is not counted."""
        return self._consumed

    def old_names(self) -> list[bytes]:
        """Give parts of names that are neither ASCII nor UTF-8, each once."""
        return self._directory.old_names

    def members(self) -> Iterator[Member]:
        """Give the members in the order in which they lie in the file.

        Links are read on the way, if they can be: those that are encrypted have no target without a password.
        """
        for number, record in enumerate(self._directory.records()):
            try:
                member = make_member(
                    number, record.fields, record.name, record.extra, place=record.place, limit=record.limit
                )
            except Damaged as error:
                raise Damaged(f"{shown(record.name)}: {error}") from None
            if member.kind is MemberKind.LINK and not (member.encrypted and self._password is None):
                yield replace(member, link=self._link(member))
            else:
                yield member

    def open(self, member: Member) -> Iterator[bytes]:
        """Give the content of a member in pieces of at most 1 MiB."""
        own = _own(member)
        try:
            yield from self._content(own)
        except ArchiveError as error:
            raise self._told(error, own) from error

    def open_whole(self, member: Member) -> bytes | None:
        """Give the whole content of a small member; None if it is large, encrypted or packed by a rare method."""
        own = _own(member)
        size, packed, method = own.content_bytes, own.packed_bytes, own.method
        if size > SMALL_BYTES or packed > SMALL_BYTES or method not in (_STORED, _DEFLATE):
            return None
        if own.encrypted or own.flags & _UNREADABLE:
            return None
        data = self._neighbours.read(own.place, min(header_bytes(own) + packed, own.limit - own.place))
        begins = check_header(data, own).begins
        if begins + packed > len(data):
            data = memoryview(self._file.read_at(own.place, begins + packed))
            if begins + packed > len(data):
                raise Damaged(f"{shown(own.name)}: it is cut off")
        with self._lock:
            self._consumed += begins + packed
        return _unpacked(data[begins : begins + packed], own)

    def close(self) -> None:
        """Let go of what was read ahead; the file is the caller's."""
        self._neighbours.forget()

    def _link(self, member: ZipMember) -> bytes:
        if member.content_bytes > MOST_LINK_BYTES:
            raise Damaged(f"{shown(member.name)}: it is a link to a path of more than {MOST_LINK_BYTES:,} bytes")
        whole = self.open_whole(member)
        return b"".join(self.open(member)) if whole is None else whole

    def _content(self, member: ZipMember) -> Iterator[bytes]:
        if member.flags & _UNREADABLE:
            raise Unsupported("it is encrypted, or made, in a way that cannot be read")
        if member.encrypted and self._password is None:
            raise PasswordNeeded("it is encrypted, and there is no password")
        coding = coding_of(member.method, size=member.content_bytes, flags=member.flags)
        if member.method == _STORED and member.packed_bytes != member.content_bytes + overhead_bytes(member):
            raise Damaged("it is stored as it is, and said to have two sizes")
        header = check_header(self._neighbours.read(member.place, header_bytes(member)), member)
        pieces = self._packed(member, header.begins)
        if member.encrypted and self._password is not None:
            pieces = decrypted(pieces, member, self._password, flags=header.flags)
        yield from _checked(unpack(pieces, coding, size=member.content_bytes), member)
        for _ in pieces:  # what is left of them proves an encrypted content
            pass
        if member.encrypted:
            self._is_password_proven = True

    def _packed(self, member: ZipMember, begins: int) -> Iterator[bytes]:
        with self._lock:
            self._consumed += begins
        at, end = member.place + begins, member.place + begins + member.packed_bytes
        while at < end:
            data = self._file.read_at(at, min(_READ_BYTES, end - at))
            if not data:
                raise Damaged("it is cut off")
            with self._lock:
                self._consumed += len(data)
            at += len(data)
            yield data

    def _told(self, error: ArchiveError, member: ZipMember) -> ArchiveError:
        # The old encryption hardly checks a password: a wrong one is likelier than damage, until one content was right.
        if isinstance(error, Damaged) and member.encrypted and member.aes is None and not self._is_password_proven:
            return WrongPassword(f"{shown(member.name)}: the password does not fit, or its content is damaged")
        return type(error)(f"{shown(member.name)}: {error}")


def _own(member: Member) -> ZipMember:
    if not isinstance(member, ZipMember):
        raise TypeError(f"{member!r} is of another archive")
    return member


def _unpacked(packed: memoryview, member: ZipMember) -> bytes:
    from deflate import DeflateError, crc32, deflate_decompress

    if member.method == _DEFLATE:
        try:
            # Where there shall be nothing, room for one byte shows whether there is.
            content = bytes(deflate_decompress(packed, member.content_bytes or 1))
        except DeflateError:
            raise Damaged(f"{shown(member.name)}: its content is damaged, or has another size than it says") from None
    else:
        content = bytes(packed)
    if len(content) != member.content_bytes:
        raise Damaged(f"{shown(member.name)}: it has {len(content):,} bytes and is said to have {member.size:,}")
    if crc32(content) != member.crc:
        raise Damaged(f"{shown(member.name)}: its checksum does not fit")
    return content


def _checked(content: Iterator[bytes], member: ZipMember) -> Iterator[bytes]:
    """Hand pieces on; raises Damaged, without a name, at the end if the checksum does not fit."""
    from deflate import crc32

    crc = 0
    for piece in content:
        crc = crc32(piece, crc)
        yield piece
    if crc != member.crc and (member.aes is None or member.aes.version == 1):
        raise Damaged("its checksum does not fit")
