"""Copies one file: streamed, whole or not at all, and read back.

The source is looked at again once it was read and before the copy gets its name: a file that was changed meanwhile
leaves no mixture behind. What is read back and is not what was sent is deleted, so that the next run does not take it
for a good copy.
"""

from __future__ import annotations

import errno
from collections.abc import Generator
from contextlib import closing
from functools import partial

import xxhash

from actors.datasources.bandwidth import Bandwidth
from actors.datasources.paths import text_of
from actors.datasources.retrying import Repeats
from actors.datasources.storage import Row, Storage
from actors.mirroring.planning import Pair, looks_same
from actors.mirroring.setting import Setting
from rota.errors import PermanentError, TemporaryError

_PIECE_BYTES = 1024 * 1024
_MOST_CHANGES = 1
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})


class Changed(TemporaryError):
    """Raised when a file was changed while it was read; the next run copies what it is then."""


class Vanished(Exception):
    """Raised when a file of the source is gone; the next run sees it."""


class Copier:
    """Copies files from one storage to another; safe in several threads."""

    def __init__(self, setting: Setting, *, verify: bool, bytes_per_second: int | None, retries: int) -> None:
        """Take what is shared; `retries` is how often a copy is begun again after a temporary failure."""
        self._source = setting.source
        self._target = setting.target
        self._tally = setting.tally
        self._check = setting.check
        self._verify = verify
        self._repeats = Repeats(retries=retries, check=setting.check)
        self._piece = _piece_bytes(bytes_per_second)
        # What is read back goes the other way, which has a width of its own.
        self._forth = Bandwidth(bytes_per_second, check=setting.check)
        self._back = Bandwidth(bytes_per_second, check=setting.check)

    def copy(self, path: bytes, row: Row) -> Pair:
        """Copy a file that looked like `row`, and give how both sides look now.

        A file that changes meanwhile is copied once more, and so is one that was damaged on the way. Raises Vanished,
        Changed, OSError and TemporaryError for this file, PermanentError where no other would fare better.
        """
        changes = 0
        while True:
            try:
                return self._repeats.call(partial(self._copy_once, path, row))
            except _Again as error:
                changes += 1
                if changes > _MOST_CHANGES:
                    raise error.reason from None
                row = error.row
            except OSError as error:
                if error.errno in _FULL:
                    raise PermanentError(f"the target takes no more: {error.strerror}") from error
                raise

    def same_content(self, path: bytes, size: int) -> bool:
        """Say whether both sides have the same content at a path, by reading them."""
        source = self._repeats.call(lambda: self._hash(self._source, path, self._forth, size))
        return source == self._repeats.call(lambda: self._hash(self._target, path, self._back, size))

    def _copy_once(self, path: bytes, row: Row) -> Pair:
        hasher = xxhash.xxh3_128()
        pieces = self._pieces(path, row, hasher)
        with closing(pieces):
            written = self._target.write(
                path, pieces, modified_ns=row.modified_ns or None, confirm=lambda: self._confirm(path, row)
            )
        if written.size != row.size:
            self._discard(path, row, f"{written.size:,} of {row.size:,} bytes arrived")
        if self._verify:
            if self._hash(self._target, path, self._back, row.size) != hasher.digest():
                self._discard(path, row, "what was read back is not what was sent")
            self._tally.add(verified=1)
        self._tally.add(copied=1, bytes=row.size)
        return Pair(row, written)

    def _pieces(self, path: bytes, row: Row, hasher: xxhash.xxh3_128) -> Generator[bytes, None, None]:
        """Read the file as long as it is what it was; an iterator, so that no other layer writes it again."""
        left = row.size
        try:
            file = self._source.open_file(path)
        except OSError:
            self._confirm(path, row)
            raise
        with file:
            while piece := file.read(min(self._piece, left + 1)):
                self._check()
                left -= len(piece)
                if left < 0:
                    break
                self._forth.take(len(piece))
                self._tally.moved(len(piece))
                hasher.update(piece)
                yield piece
        if left:
            self._confirm(path, row)
            raise _Again(row, Changed(f"{text_of(path)!r} has another length than its storage says"))

    def _confirm(self, path: bytes, row: Row) -> None:
        """Raise unless the file still looks as it did when it began to be read."""
        self._check()
        now = self._source.stat(path)
        if now is None or now.kind != row.kind:
            raise Vanished
        if not looks_same(now, row, step_ns=self._source.capabilities.step_ns):
            raise _Again(now, Changed(f"{text_of(path)!r} was changed while it was read"))

    def _hash(self, storage: Storage, path: bytes, bandwidth: Bandwidth, size: int) -> bytes:
        hasher = xxhash.xxh3_128()
        with storage.open_file(path) as file:
            while piece := file.read(min(self._piece, size + 1)):
                self._check()
                bandwidth.take(len(piece))
                hasher.update(piece)
        return hasher.digest()

    def _discard(self, path: bytes, row: Row, why: str) -> None:
        self._target.delete(path)
        raise _Again(row, TemporaryError(f"{text_of(path)!r} was damaged on its way to the target: {why}"))


def _piece_bytes(bytes_per_second: int | None) -> int:
    """Give how much is read at once: under a limit so little that no connection waits long for the next piece."""
    return _PIECE_BYTES if bytes_per_second is None else max(1024, min(_PIECE_BYTES, bytes_per_second // 8))


class _Again(Exception):
    """Raised inside to copy a file once more, as it looks now; with what to raise if that was the last time."""

    def __init__(self, row: Row, reason: TemporaryError) -> None:
        super().__init__(str(reason))
        self.row = row
        self.reason = reason
