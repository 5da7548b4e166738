"""Keeps paths until they are needed: in memory as long as they are few, else on this machine's disk.

An archive of a few megabytes may have a hundred thousand members with paths of four kilobytes each.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from tempfile import SpooledTemporaryFile
from typing import NamedTuple

_MOST_BYTES_IN_MEMORY = 8 * 1024 * 1024
_HEAD = Struct("<Iq")


class Numbered(NamedTuple):
    """A path, and a number that goes with it."""

    path: bytes
    number: int


class Remembered:
    """Paths in their order; for one thread, who closes it."""

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(_MOST_BYTES_IN_MEMORY)  # noqa: SIM115 -- closed by `close`

    def add(self, path: bytes, number: int = 0) -> None:
        """Keep a path; raises OSError where the disk has no room for it."""
        self._file.write(_HEAD.pack(len(path), number) + path)

    def __iter__(self) -> Iterator[Numbered]:
        """Give all of them; none is added meanwhile."""
        self._file.seek(0)
        while head := self._file.read(_HEAD.size):
            length, number = _HEAD.unpack(head)
            yield Numbered(self._file.read(length), number)

    def close(self) -> None:
        """Forget them; twice is fine."""
        self._file.close()
