"""An archive in memory, for tests of what reads archives."""

from __future__ import annotations

import io
from typing import BinaryIO


class MemoryFile:
    """The bytes of an archive; satisfies `ArchiveFile` and tells how it was read."""

    def __init__(self, name: str, data: bytes) -> None:
        self.name = name
        self.size = len(data)
        self.reads = 0
        """How many times bytes were asked for."""
        self.read_bytes = 0
        """How many bytes were given."""
        self._data = data

    def read_at(self, offset: int, size: int) -> bytes:
        """Read so many bytes from an offset on; fewer only at the end."""
        # A negative number would count from the end and hide a mistake.
        if offset < 0 or size < 0:
            raise ValueError(f"read_at({offset}, {size})")
        given = self._data[offset : offset + size]
        self.reads += 1
        self.read_bytes += len(given)
        return given

    def cut(self, size: int) -> None:
        """Make it shorter, as somebody does behind the reader's back: its size stays what it was."""
        self._data = self._data[:size]

    def stream(self) -> BinaryIO:
        """Give it as a file that is read from the start on."""
        return io.BytesIO(self._data)
