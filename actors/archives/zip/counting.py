"""Counts the records of a directory that comes in chunks of any length, and keeps none of it."""

from __future__ import annotations

from actors.archives.zip.layout import CENTRAL, CENTRAL_LENGTHS, CENTRAL_LENGTHS_AT


class RecordCounter:
    """Counts records and bytes."""

    def __init__(self) -> None:
        self.records = 0
        self.size = 0
        self._head = b""
        """The begin of a record whose fixed part is not whole yet."""
        self._skip = 0
        """How much of the record before is still to come."""

    def add(self, chunk: bytes) -> None:
        """Take what follows."""
        self.size += len(chunk)
        if self._head:
            chunk, self._head = self._head + chunk, b""
        at, self._skip = self._skip, 0
        while at + CENTRAL.size <= len(chunk):
            at += CENTRAL.size + sum(CENTRAL_LENGTHS.unpack_from(chunk, at + CENTRAL_LENGTHS_AT))
            self.records += 1
        if at > len(chunk):
            self._skip = at - len(chunk)
        else:
            self._head = chunk[at:]
