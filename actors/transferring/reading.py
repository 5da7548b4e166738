"""Reads a file that shall be copied, as long as it stays what it was."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from typing import BinaryIO, Protocol

import xxhash

from actors.datasources.bandwidth import Bandwidth
from actors.datasources.paths import text_of
from actors.datasources.storage import Row, Storage
from actors.transferring.sides import looks_same
from actors.transferring.tally import CopyTally
from rota.errors import TemporaryError

_PIECE_BYTES = 1024 * 1024


class Changed(TemporaryError):
    """Raised when a file was changed while it was read; the next run copies what it is then."""


class Vanished(Exception):
    """Raised when a file of the source is gone; the next run sees it."""


class Again(Exception):
    """Raised to copy a file once more, as it looks now; with what to raise if that was the last time."""

    def __init__(self, row: Row, reason: TemporaryError) -> None:
        super().__init__(str(reason))
        self.row = row
        self.reason = reason


class Way(Protocol):
    """From where to where files are copied, and who is told."""

    @property
    def source(self) -> Storage:
        """Where they are."""

    @property
    def target(self) -> Storage:
        """Where they go."""

    @property
    def tally(self) -> CopyTally:
        """Counts them."""

    @property
    def check(self) -> Callable[[], None]:
        """Raises when the work shall end; for every thread."""


class Reader:
    """Reads both sides at the pace that is allowed; safe in several threads."""

    def __init__(self, way: Way, *, bytes_per_second: int | None) -> None:
        self._source = way.source
        self._target = way.target
        self._tally = way.tally
        self.check = way.check
        # Under a limit so little at once that no connection waits long for the next piece.
        self._piece = _PIECE_BYTES if bytes_per_second is None else max(1024, min(_PIECE_BYTES, bytes_per_second // 8))
        # What is read back goes the other way, which has a width of its own.
        self._forth = Bandwidth(bytes_per_second, check=way.check)
        self._back = Bandwidth(bytes_per_second, check=way.check)

    def pieces(self, path: bytes, row: Row, *, start: int = 0) -> Generator[bytes, None, None]:
        """Read a file of the source from a byte on, as long as it is what it was; raises Again, Vanished, OSError.

        An iterator, so that no other layer writes it again.
        """
        left = row.size - start
        self._tally.spared(start)
        try:
            file = self._source.open_file(path)
        except OSError:
            self.confirm(path, row)
            raise
        with file:
            self._skip(file, start)
            while piece := file.read(min(self._piece, left + 1)):
                self.check()
                left -= len(piece)
                if left < 0:
                    break
                self._forth.take(len(piece))
                self._tally.moved(len(piece))
                yield piece
        if left:
            self.confirm(path, row)
            raise Again(row, Changed(f"{text_of(path)!r} has another length than its storage says"))

    def confirm(self, path: bytes, row: Row) -> None:
        """Raise unless the file still looks as it did when it began to be read."""
        self.check()
        now = self._source.stat(path)
        if now is None or now.kind != row.kind:
            raise Vanished
        if not looks_same(now, row, step_ns=self._source.capabilities.step_ns):
            raise Again(now, Changed(f"{text_of(path)!r} was changed while it was read"))

    def read_back(self, path: bytes, size: int) -> Generator[bytes, None, None]:
        """Read a file of the target, a byte more than `size` at most each time."""
        return self._read(self._target, path, self._back, size)

    def digests(self, path: bytes, goal: bytes, size: int) -> tuple[bytes, bytes]:
        """Read a file of the source and one of the target, and give the digests of their contents."""
        return (
            _digest(self._read(self._source, path, self._forth, size)),
            _digest(self.read_back(goal, size)),
        )

    def _read(self, storage: Storage, path: bytes, bandwidth: Bandwidth, size: int) -> Generator[bytes, None, None]:
        with storage.open_file(path) as file:
            while piece := file.read(min(self._piece, size + 1)):
                self.check()
                bandwidth.take(len(piece))
                yield piece

    def _skip(self, file: BinaryIO, start: int) -> None:
        if not start:
            return
        if file.seekable():
            file.seek(start)
            return
        while start and (piece := file.read(min(self._piece, start))):
            self.check()
            self._forth.take(len(piece))
            start -= len(piece)


def _digest(pieces: Iterable[bytes]) -> bytes:
    hasher = xxhash.xxh3_128()
    for piece in pieces:
        hasher.update(piece)
    return hasher.digest()
