"""Holds what is gathered while an archive is made, where no other attempt could go on with it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator

_CHUNK_BYTES = 1024 * 1024


class Gathered:
    """Bytes in a file without a name, which is gone with the process; the short-lived twin of `kept.Kept`."""

    is_worth_keeping = False

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 -- closed by `close`

    def add(self, data: bytes) -> None:
        """Write what follows."""
        self._file.write(data)

    def contents(self) -> Iterator[bytes]:
        """Give all of it."""
        self._file.flush()
        at = 0
        while piece := os.pread(self._file.fileno(), _CHUNK_BYTES, at):
            at += len(piece)
            yield piece

    def discard(self) -> None:
        """Let go of it; twice is fine."""
        self._file.close()
