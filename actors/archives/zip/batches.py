"""Packs many small entries at once: a task, a piece and a mark for each of them would cost more than their contents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from actors.archives.packing import Contents, Entry, Mark, Piece
from actors.archives.zip.deflating import crc_of, pack_whole
from actors.archives.zip.encryption import Encryption
from actors.archives.zip.headers import Heading, Packed, central_record, heading, local_header
from actors.archives.zip.layout import Method
from actors.datasources.rows import Kind

_MOST_ENTRIES = 64
_MOST_BYTES = 1024 * 1024


class _Member(NamedTuple):
    at: int
    """Where its local header is, from the batch's begin on."""
    head: Heading
    content: Packed


class PackedBatch(NamedTuple):
    """Members behind each other."""

    data: bytes
    members: Sequence[_Member]
    last: bytes
    """The name of the last entry that is in."""


class Batch:
    """Entries that one thread reads and packs."""

    def __init__(self, contents: Contents, *, level: int, password: str | None) -> None:
        self.size = 0
        """How many bytes it may hold."""
        self._contents = contents
        self._level = level
        self._password = password
        self._entries: list[Entry] = []

    def has_room_for(self, entry: Entry) -> bool:
        """Tell whether an entry may go into it; the first one always may."""
        if not self._entries:
            return True
        return len(self._entries) < _MOST_ENTRIES and self.size + _size(entry) <= _MOST_BYTES

    def add(self, entry: Entry) -> None:
        """Put an entry in."""
        self._entries.append(entry)
        self.size += _size(entry)

    def pack(self) -> PackedBatch:
        """Read and compress all of them; those that are gone stay out."""
        parts: list[bytes | bytearray] = []
        members = []
        at = 0
        last = b""
        for entry in self._entries:
            if (packed := self._packed(entry)) is None:
                continue
            head, content, data = packed
            header = local_header(head, content)
            members.append(_Member(at, head, content))
            parts += (header, *data)
            at += len(header) + content.packed
            last = entry.name
        return PackedBatch(b"".join(parts), members, last)

    def pieces(self, packed: PackedBatch, written: int) -> Iterator[Piece]:
        """Give what was packed, behind so many bytes of the archive."""
        if packed.members:
            records = b"".join(
                central_record(member.head, member.content, offset=written + member.at) for member in packed.members
            )
            yield Piece(packed.data, records, Mark(packed.last))

    def _packed(self, entry: Entry) -> tuple[Heading, Packed, Sequence[bytes | bytearray]] | None:
        if entry.kind != Kind.FILE:
            # What is not a file has no secret that its name would not tell as well.
            length = len(entry.link)
            return heading(entry), Packed(Method.STORED, crc_of(entry.link), length, length), (entry.link,)
        content = self._contents.read(entry)
        if content is None:
            return None
        head = heading(entry, executable=content.executable)
        method, data = pack_whole(content.data, self._level)
        crc, size = crc_of(content.data), len(content.data)
        if self._password is None or not size:
            return head, Packed(method, crc, len(data), size), (data,)
        encryption = Encryption(self._password)
        encrypted = (encryption.head, encryption.apply(data), encryption.tag())
        return head, Packed(method, crc, sum(map(len, encrypted)), size, encrypted=True), encrypted


def _size(entry: Entry) -> int:
    return entry.size if entry.kind == Kind.FILE else len(entry.link)
