"""Reads tar archives of all dialects, plain and compressed, from start to end.

A header is believed when its checksum is right, and then in everything that matters: what is odd in a place where the
dialects differ is damage, so that no two readers see two archives in one file. Nothing is kept but the header that is
being read: archives have any number of members.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from actors.archives.reading import ArchiveFile, Damaged, Member, MemberKind, Unsupported
from actors.archives.tar.blocks import BadBlock, Header, nanoseconds_of, parse_block
from actors.archives.tar.headers import BLOCK_BYTES
from actors.archives.tar.records import Records, decimal_of
from actors.archives.tar.source import Source, feed_of
from actors.archives.tar.sparse import SparseMap, check_map, expanded, map_of_header, map_of_records
from actors.archives.telling import shown
from rota.archives import Format

_SMALL_BYTES = 1024 * 1024
"""Contents up to this size are given as one piece."""
_MOST_RECORD_BYTES = 1024 * 1024
_MOST_NAME_BYTES = 64 * 1024
_MOST_BEFORE = 16
"""So many headers may precede the one of a member."""
_MOST_BEHIND_BYTES = 64 * 1024 * 1024
"""So much of a compressed archive is read behind its end, for the checksum that follows it."""

_END = bytes(BLOCK_BYTES)
_KINDS: Final = {
    b"0": MemberKind.FILE,
    b"\0": MemberKind.FILE,
    b"7": MemberKind.FILE,  # contiguous, once
    b"S": MemberKind.FILE,  # sparse
    b"1": MemberKind.HARD_LINK,
    b"2": MemberKind.LINK,
    b"3": MemberKind.SPECIAL,
    b"4": MemberKind.SPECIAL,
    b"5": MemberKind.FOLDER,
    b"6": MemberKind.SPECIAL,
    b"D": MemberKind.FOLDER,  # with a list of its names, in GNU's incremental archives
}
_WITHOUT_CONTENT: Final = frozenset({b"1", b"2", b"3", b"4", b"5", b"6"})
"""What these are said to have as a size is a hint, or the size of what a link leads to."""
_LINKS: Final = frozenset({MemberKind.LINK, MemberKind.HARD_LINK})
_SPARSE, _LONG_NAME, _LONG_LINK, _GLOBAL, _LABEL = b"S", b"L", b"K", b"g", b"V"
_REFUSED: Final = {
    b"M": "it goes on with a file of another volume",
    b"N": "it has names in a form that GNU gave up long ago",
}
_BEFORE: Final = frozenset({b"x", b"X", _LONG_NAME, _LONG_LINK, _GLOBAL, _LABEL, *_REFUSED})
"""These are no members; most say something of the one that follows."""
_BINARY = b"BINARY"


@dataclass(slots=True)
class _Before:
    """What the headers before the one of a member say of it."""

    records: Records = field(default_factory=Records)
    name: bytes = b""
    link: bytes = b""
    count: int = 0


_NOTHING: Final = _Before()


class TarArchive:
    """A tar archive that is being read; see `Archive` for the promises."""

    is_direct = False

    def __init__(self, file: ArchiveFile, format_: Format) -> None:
        """Open an archive of one of the tar formats."""
        self.format = format_
        self._file = file
        self._source = Source(feed_of(file, format_))
        self._global = Records()
        self._at = 0
        """Where the header that is being read begins."""
        self._member: Member | None = None
        self._is_open = False
        self._name = b""
        self._left = 0
        """How much of the member's content was not read yet."""
        self._padding = 0
        self._sparse: SparseMap | None = None

    @property
    def consumed(self) -> int:
        """How many bytes of the file were used so far."""
        return self._source.consumed

    @property
    def unpacked(self) -> int:
        """How many bytes came out of what is compressed so far, what was passed over among them."""
        return 0 if self.format is Format.TAR else self._source.offset

    def members(self) -> Iterator[Member]:
        """Give the members in the order of the archive."""
        number = 0
        while True:
            self._pass_over()
            try:
                member = self._read_member(number)
            except BadBlock as error:
                raise Damaged(self._told(str(error))) from error
            self._member, self._is_open = member, False
            if member is None:
                return
            self._name = member.name
            number += 1
            yield member

    def open(self, member: Member) -> Iterator[bytes]:
        """Give the content of the member that came last; once."""
        if member is not self._member or self._is_open:
            raise ValueError(f"member {member.number} is not the one that is being read, or is already")
        self._is_open = True
        if self._sparse is not None:
            return expanded(self._sparse, partial(self._content, member))
        if self._left > _SMALL_BYTES:
            return self._content(member, self._left)
        return iter((self._take(self._left),) if self._left else ())

    def close(self) -> None:
        """Let go of the file's stream; twice is fine."""
        self._source.close()

    def _read_member(self, number: int) -> Member | None:
        before: _Before | None = None
        while True:
            self._at = self._source.offset
            block = self._source.take(BLOCK_BYTES)
            if len(block) < BLOCK_BYTES or block == _END:
                self._finish(block, before)
                return None
            header = parse_block(block)
            if header.type not in _BEFORE:
                return self._member_of(header, block, before or _NOTHING, number)
            if header.type in _REFUSED:
                raise Unsupported(self._told(_REFUSED[header.type]))
            before = before or _Before()
            self._read_before(header, before)

    def _read_before(self, header: Header, before: _Before) -> None:
        before.count += 1
        if before.count > _MOST_BEFORE:
            raise BadBlock(f"more than {_MOST_BEFORE} headers precede one member")
        is_name = header.type in (_LONG_NAME, _LONG_LINK)
        most = _MOST_NAME_BYTES if is_name else _MOST_RECORD_BYTES
        if header.size > most:
            raise BadBlock(f"it says more of a member than {most:,} bytes")
        data = self._source.take(header.size)
        if self._source.skip(-header.size % BLOCK_BYTES) + len(data) < header.size + -header.size % BLOCK_BYTES:
            raise BadBlock("the archive is cut off behind it")
        if header.type == _LONG_NAME:
            before.name = data.partition(b"\0")[0]
        elif header.type == _LONG_LINK:
            before.link = data.partition(b"\0")[0]
        elif header.type == _GLOBAL:
            self._global.add(data)
            self._global.numbers.clear()  # they say nothing of other files, and any number of them may come
        elif header.type != _LABEL:
            before.records.add(data)

    def _member_of(self, header: Header, block: bytes, before: _Before, number: int) -> Member:
        is_plain = before is _NOTHING and not self._global.values
        records = before.records if is_plain else before.records.over(self._global)
        values = records.values
        size = decimal_of(values[b"size"]) if b"size" in values else header.size
        self._left = 0 if header.type in _WITHOUT_CONTENT else size
        self._padding = -self._left % BLOCK_BYTES
        packed = self._left
        # A sparse file's header and path are made up, for readers that do not know the form.
        recorded = values.get(b"GNU.sparse.name") or values.get(b"path")
        verbatim = values.get(b"hdrcharset") == _BINARY
        name = recorded or before.name or header.name
        kind = _KINDS.get(header.type, MemberKind.SPECIAL)
        self._sparse = None
        if kind is MemberKind.FILE:
            self._sparse = self._map_of(header, block, records)
            if name.endswith(b"/") and self._sparse is None:
                kind = MemberKind.FOLDER  # as it was written before folders had a type
        modified = values.get(b"mtime")
        return Member(
            number=number,
            name=name,
            utf8=recorded is not None and not verbatim,
            verbatim=verbatim,
            kind=kind,
            size=0 if kind is not MemberKind.FILE else packed if self._sparse is None else self._sparse.size,
            packed=packed if self.format is Format.TAR else None,
            modified_ns=header.modified_ns if modified is None else nanoseconds_of(modified),
            executable=header.executable,
            link=(values.get(b"linkpath") or before.link or header.link) if kind in _LINKS else b"",
            place=self._at,
        )

    def _map_of(self, header: Header, block: bytes, records: Records) -> SparseMap | None:
        if header.type == _SPARSE:
            if not header.is_gnu:
                raise Unsupported(self._told("it is a sparse file in the form of star"))
            found: SparseMap | None = map_of_header(block, self._map_block)
        else:
            found = map_of_records(records, self._content_block)
        if found is not None:
            check_map(found, self._left)
        return found

    def _map_block(self) -> bytes:
        block = self._source.take(BLOCK_BYTES)
        if len(block) < BLOCK_BYTES:
            raise BadBlock("the archive is cut off behind it")
        return block

    def _content_block(self) -> bytes:
        if self._left < BLOCK_BYTES:
            raise BadBlock("its map is longer than its content")
        self._left -= BLOCK_BYTES
        return self._map_block()

    def _take(self, count: int) -> bytes:
        data = self._source.take(count)
        self._left -= len(data)
        if len(data) < count:
            raise self._cut_off()
        return data

    def _content(self, member: Member, count: int) -> Iterator[bytes]:
        for piece in self._source.pieces(count):
            self._left -= len(piece)
            count -= len(piece)
            yield piece
            if member is not self._member:
                raise ValueError(f"member {member.number} was passed over")
        if count:
            raise self._cut_off()

    def _pass_over(self) -> None:
        missing = self._left + self._padding
        if missing and self._source.skip(missing) < missing:
            raise self._cut_off()
        self._left = self._padding = 0

    def _finish(self, block: bytes, before: _Before | None) -> None:
        """Judge how the archive ends: by two blocks of zeros, or one; by none where it is not compressed.

        A file that is not compressed may be cut off anywhere, and rarely is between two members. One that is consists
        of pieces, which many writers end between members: if the last one is missing, only the zeros tell.
        """
        if before is not None and before != _Before(count=before.count):
            raise BadBlock("the archive ends where the header of a member must follow")
        if any(block):
            raise BadBlock("the archive is cut off in it")
        if not block and not self._at:
            raise Damaged(f"{self._file.name!r} is empty")
        if len(block) < BLOCK_BYTES:
            if self.format is not Format.TAR:
                raise Damaged(f"{self._file.name!r}: the archive is cut off: the zeros that end it are missing")
            return
        if any(self._source.take(BLOCK_BYTES)):
            raise BadBlock("a single block of zeros is there, and the archive goes on behind it")
        # What is compressed has its checksum at the end; a file that is not may be large, and says nothing more.
        if self.format is not Format.TAR and self._source.skip(_MOST_BEHIND_BYTES) == _MOST_BEHIND_BYTES:
            raise BadBlock(f"more than {_MOST_BEHIND_BYTES:,} bytes follow the end of the archive")

    def _cut_off(self) -> Damaged:
        return Damaged(f"{self._file.name!r}: the archive is cut off in the content of {shown(self._name)}")

    def _told(self, reason: str) -> str:
        return f"{self._file.name!r}: the header at byte {self._at:,} cannot be read: {reason}"
