"""Holds the entries of a selection on the disk, so that a tree is listed once and memory does not grow with it.

They are found while they are read: the looking through of a large tree goes on while its first files are packed. Who
packs has more found now and then than is read, so that it soon is known how much there is.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

import msgspec

from actors.archives.packing import Entry
from actors.datasources.rows import Kind

_CHUNK_ITEMS = 1000
_LENGTH_BYTES = 4


class Item(NamedTuple):
    """An entry that was found, or something that is left out on purpose."""

    name: bytes
    kind: str
    size: int
    modified_ns: int
    path: bytes
    link: bytes = b""
    note: str = ""
    """Why it is left out; empty if it is not."""

    @property
    def entry(self) -> Entry:
        """The entry that goes into the archive."""
        return Entry(self.name, Kind(self.kind), self.size, self.modified_ns, self.path, self.link)


class Spool:
    """Items in a file without a name, which is gone with the process; for one thread, which may read them often."""

    def __init__(self, items: Iterable[Item] = ()) -> None:
        """Take what finds the items, in their order; what that raises is raised to whoever reads then."""
        self._items = iter(items)
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 -- closed by `close`
        self._decoder = msgspec.msgpack.Decoder(list[Item])

    def __iter__(self) -> Iterator[Item]:
        """Give the items; several iterations may be under way."""
        at = 0
        while True:
            while head := os.pread(self._file.fileno(), _LENGTH_BYTES, at):
                length = int.from_bytes(head)
                yield from self._decoder.decode(os.pread(self._file.fileno(), length, at + _LENGTH_BYTES))
                at += _LENGTH_BYTES + length
            if not self.find():
                return

    def find(self) -> bool:
        """Find some more items and write them down; false if there are none."""
        chunk = list(islice(self._items, _CHUNK_ITEMS))
        if chunk:
            encoded = msgspec.msgpack.encode(chunk)
            self._file.write(len(encoded).to_bytes(_LENGTH_BYTES) + encoded)
        return bool(chunk)

    def find_all(self) -> None:
        """Find all items before any is read."""
        while self.find():
            pass

    def entries(self) -> Iterator[Entry]:
        """Give the entries that go into the archive."""
        return (item.entry for item in self if not item.note)

    def close(self) -> None:
        """Let go of them; twice is fine."""
        self._file.close()
