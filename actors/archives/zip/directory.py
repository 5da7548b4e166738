"""Reads the directory of a zip file as a stream, and knows before anything is given out that no two members overlap.

A directory that is in the order in which its members lie, as nearly all are, takes no memory beyond a piece of it. Of
others the places are sorted, for 60 bytes a member.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from actors.archives.reading import ArchiveFile, Damaged, Unsupported
from actors.archives.telling import shown
from actors.archives.zip.ending import Ending
from actors.archives.zip.layout import CENTRAL, CENTRAL_SIGNATURE, LIMIT16, LIMIT32, LOCAL, Flag
from actors.archives.zip.records import Fields, full_fields
from rota.names import is_utf8

SAMPLE_BYTES = 64 * 1024
"""How much is kept of names that are neither ASCII nor UTF-8."""
MOST_OUT_OF_ORDER = 1_000_000
"""How many records are sorted at most."""
_CHUNK_BYTES = 1024 * 1024
# Up to this size it is kept: it is needed twice, and may be behind a slow connection.
_KEPT_BYTES = 8 * 1024 * 1024
_LEAST_DESCRIPTOR_BYTES = 12
_DESCRIPTOR, _UTF8 = int(Flag.DESCRIPTOR), int(Flag.UTF8)
_NUMBER_BITS = 48
_NUMBER = (1 << _NUMBER_BITS) - 1


class Record(NamedTuple):
    """A record of the directory, where its member lies, and before what it ends."""

    fields: Fields
    name: bytes
    extra: bytes
    place: int
    limit: int


class Directory:
    """The directory of one archive. Raises Damaged, Unsupported."""

    def __init__(self, file: ArchiveFile, ending: Ending) -> None:
        """Read it once: whatever contradicts itself is found here."""
        self._file = file
        self._ending = ending
        self._kept = b""
        if 0 < ending.size <= _KEPT_BYTES:
            self._kept = file.read_at(ending.start, ending.size)
        self._order: list[int] | None = None
        self.old_names: list[bytes] = []
        """Parts of names, each once, that are neither ASCII nor UTF-8; at most `SAMPLE_BYTES`."""
        if not self._check_in_order():
            self._order = self._sorted()

    def records(self) -> Iterator[Record]:
        """Give the records in the order in which their members lie."""
        lead = self._ending.lead
        previous: tuple[int, Fields, bytes, bytes] | None = None
        for raw in self._raw() if self._order is None else map(self._at, map(_NUMBER.__and__, self._order)):
            if previous is not None:
                _, fields, name, extra = previous
                yield Record(fields, name, extra, fields[16] + lead, raw[1][16] + lead)
            previous = raw
        if previous is not None:
            _, fields, name, extra = previous
            yield Record(fields, name, extra, fields[16] + lead, self._ending.start)

    def _check_in_order(self) -> bool:
        """Check the records, and whether each member lies wholly behind the one before."""
        free = 0
        count = 0
        in_order = True
        parts: dict[bytes, None] = {}
        sampled = 0
        for _, fields, name, _ in self._raw():
            count += 1
            start, end = self._range(fields, name)
            if start < free:
                in_order = False
            free = end
            if not (fields[3] & _UTF8 or name.isascii()) and sampled < SAMPLE_BYTES and not is_utf8(name):
                for part in name.split(b"/"):
                    if not part.isascii() and part not in parts:
                        parts[part] = None
                        sampled += len(part)
        self.old_names = list(parts)
        told = self._ending.records
        if count != told and not (self._ending.is_modulo and count & LIMIT16 == told):
            raise Damaged(f"{self._file.name!r}: its directory has {count:,} records, its end says {told:,}")
        return in_order

    def _sorted(self) -> list[int]:
        """Give place, length and position of each record in one number, sorted; raises Damaged if members overlap."""
        keys: list[int] = []
        for at, fields, name, _ in self._raw():
            start, end = self._range(fields, name)
            keys.append((start << _NUMBER_BITS | end - start) << _NUMBER_BITS | at)
            if len(keys) > MOST_OUT_OF_ORDER:
                raise Unsupported(
                    f"{self._file.name!r}: its directory is not in the order of its members, and has more than"
                    f" {MOST_OUT_OF_ORDER:,}"
                )
        keys.sort()
        free = 0
        for key in keys:
            start = key >> 2 * _NUMBER_BITS
            if start < free:
                name = self._at(key & _NUMBER)[2]
                raise Damaged(f"{self._file.name!r}: {shown(name)} lies within another member")
            free = start + (key >> _NUMBER_BITS & _NUMBER)
        return keys

    def _range(self, fields: Fields, name: bytes) -> tuple[int, int]:
        # The local header may have more extra fields: that is looked at when it is read.
        start = fields[16] + self._ending.lead
        end = start + LOCAL.size + len(name) + fields[8] + (_LEAST_DESCRIPTOR_BYTES if fields[3] & _DESCRIPTOR else 0)
        if end > self._ending.start:
            raise Damaged(f"{self._file.name!r}: {shown(name)} reaches beyond where the directory begins")
        return start, end

    def _raw(self) -> Iterator[tuple[int, Fields, bytes, bytes]]:
        """Give position, fields, name and extra fields of the records, in their own order."""
        size, head, unpack = self._ending.size, CENTRAL.size, CENTRAL.unpack_from
        base = 0  # of the buffer, in the directory
        buffer = self._kept
        place = 0
        while base + place < size:
            if len(buffer) - place < head:
                buffer, base, place = self._more(base + place, head), base + place, 0
            fields: Fields = unpack(buffer, place)
            if fields[0] != CENTRAL_SIGNATURE:
                raise Damaged(f"{self._file.name!r}: byte {base + place:,} of its directory begins no record")
            name_at = place + head
            extra_at = name_at + fields[10]
            end = extra_at + fields[11] + fields[12]
            if end > len(buffer):
                buffer, base, place = self._more(base + place, end - place), base + place, 0
                continue
            name = buffer[name_at:extra_at]
            extra = buffer[extra_at : extra_at + fields[11]]
            if LIMIT32 in (fields[8], fields[9], fields[16]):
                fields = self._full(fields, name, extra)
            if fields[13] not in (0, LIMIT16):
                raise Unsupported(f"{self._file.name!r}: {shown(name)} is on another disk of the archive")
            yield base + place, fields, name, extra
            place = end

    def _at(self, position: int) -> tuple[int, Fields, bytes, bytes]:
        """Give the record at a position, which has been seen by `_raw`."""
        head = self._slice(position, CENTRAL.size)
        fields: Fields = CENTRAL.unpack(head)
        tail = self._slice(position + CENTRAL.size, fields[10] + fields[11])
        name, extra = tail[: fields[10]], tail[fields[10] :]
        if LIMIT32 in (fields[8], fields[9], fields[16]):
            fields = self._full(fields, name, extra)
        return position, fields, name, extra

    def _full(self, fields: Fields, name: bytes, extra: bytes) -> Fields:
        try:
            return full_fields(fields, extra)
        except Damaged as error:
            raise Damaged(f"{self._file.name!r}: {shown(name)}: {error}") from None

    def _more(self, position: int, least: int) -> bytes:
        left = self._ending.size - position
        if least > left:
            raise Damaged(f"{self._file.name!r}: its directory is cut off at byte {position:,}")
        return self._slice(position, min(left, max(least, _CHUNK_BYTES)))

    def _slice(self, position: int, size: int) -> bytes:
        if self._kept:
            return self._kept[position : position + size]
        read = self._file.read_at(self._ending.start + position, size)
        if len(read) < size:
            raise Damaged(f"{self._file.name!r}: it became shorter while it was read")
        return read
