"""Holds all entries of a selection on the disk, so that a tree is listed once and memory does not grow with it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from actors.archives.packing import Entry
from actors.datasources.rows import Kind

_CHUNK_ITEMS = 500
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
    """Items in a file without a name, which is gone with the process; write them all, then read them often."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 -- closed by `close`
        self._chunk: list[Item] = []
        self._decoder = msgspec.msgpack.Decoder(list[Item])
        self.bytes = 0
        """In the files that go in."""

    def add(self, item: Item) -> None:
        """Write an item."""
        self._chunk.append(item)
        if not item.note:
            self.bytes += item.size
        if len(self._chunk) == _CHUNK_ITEMS:
            self._flush()

    def end(self) -> None:
        """Note that no more follow."""
        self._flush()

    def __iter__(self) -> Iterator[Item]:
        """Give the items; several may read at once."""
        at = 0
        while head := os.pread(self._file.fileno(), _LENGTH_BYTES, at):
            length = int.from_bytes(head)
            yield from self._decoder.decode(os.pread(self._file.fileno(), length, at + _LENGTH_BYTES))
            at += _LENGTH_BYTES + length

    def entries(self) -> Iterator[Entry]:
        """Give the entries that go into the archive."""
        return (item.entry for item in self if not item.note)

    def close(self) -> None:
        """Let go of them; twice is fine."""
        self._file.close()

    def _flush(self) -> None:
        if self._chunk:
            encoded = msgspec.msgpack.encode(self._chunk)
            self._file.write(len(encoded).to_bytes(_LENGTH_BYTES) + encoded)
            self._chunk.clear()
