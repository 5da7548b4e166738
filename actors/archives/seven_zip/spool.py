"""Keeps an archive aside, in a temporary file without a name, until its first bytes can be told.

A process that is killed leaves nothing: the file is gone with it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import BinaryIO

from rota.errors import TemporaryError

PIECE_BYTES = 1024 * 1024
ROOM_LEFT_BYTES = 256 * 1024 * 1024
"""How much of the temporary folder's storage is left to others."""


class Spool:
    """A file that is written once and read once; for one thread."""

    def __init__(self) -> None:
        import tempfile  # takes a while to import, and few processes make a 7z

        self.size = 0
        """How many bytes are in it."""
        try:
            self._file: BinaryIO = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 -- closed by `close`
        except OSError as error:
            raise _no_room(error.strerror or str(error)) from error

    def write(self, data: bytes) -> None:
        """Add what follows; raises TemporaryError if there is no room for it."""
        try:
            room = os.fstatvfs(self._file.fileno())
            if room.f_bavail * room.f_frsize < ROOM_LEFT_BYTES + len(data):
                raise _no_room("it is nearly full")
            left = memoryview(data)
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            raise _no_room(error.strerror or str(error)) from error
        self.size += len(data)

    def pieces(self) -> Iterator[bytes]:
        """Give all of it from the start on."""
        self._file.seek(0)
        while piece := self._file.read(PIECE_BYTES):
            yield piece

    def close(self) -> None:
        """Throw it away; twice is fine."""
        self._file.close()


def _no_room(why: str) -> TemporaryError:
    return TemporaryError(f"format: a 7z archive is first written to the temporary folder, which has no room: {why}")
