"""An archive in a storage, as a file that is read at any place or from start to end.

A file of this machine is read where it lies. One behind a connection is read in blocks, if its storage lets one begin
anywhere; if not, it is put aside on this machine as soon as somebody wants more of it than its beginning. Whoever reads
it once from the start on, as most formats allow, needs no copy.
"""

from __future__ import annotations

import contextlib
import errno
import threading
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, cast

from actors.archives.aside import put_aside
from actors.archives.parts import Part, Whole, find_parts
from actors.archives.ranges import Joined, Ranges, SeekingRanges, Short, local_ranges
from actors.archives.reading import ArchiveError, Damaged, Unsupported
from actors.archives.streams import Once, Sequential
from actors.datasources.paths import text_of
from actors.datasources.retrying import is_temporary
from actors.datasources.storage import Storage
from actors.transferring.sides import looks_same
from rota.errors import PermanentError, TemporaryError

HEAD_BYTES = 1024 * 1024
"""How much of its beginning can be read of any file without a copy of it."""
_MOST_REOPENED = 5
_PIECE_BYTES = 1024 * 1024


class ArchiveChanged(TemporaryError):
    """Raised when an archive was replaced or written to while it was read; another attempt reads what it is then."""


def open_archive_file(
    storage: Storage, path: bytes, *, scratch: Path | None = None, check: Callable[[], None] = lambda: None
) -> StoredFile:
    """Open the archive at a path, all parts of a divided one; the caller closes it, or uses it in a `with`.

    `scratch` is a folder of this machine for a copy, if one is needed; by default the one that the system has for such
    things. `check` is called for each read and raises when the work shall end. Raises ArchiveError if there is no such
    archive or a part of it is missing, TemporaryError if the storage does not answer.
    """
    with _told(text_of(path)):
        return StoredFile(storage, find_parts(storage, path), scratch=scratch, check=check)


class StoredFile:
    """An archive in a storage; safe in several threads, see `ArchiveFile`.

    Reading raises TemporaryError where the connection broke or the archive was changed, ArchiveError where it cannot be
    read. If it is used in a `with`, damage that is found in it counts as a change when there was one meanwhile.
    """

    def __init__(self, storage: Storage, whole: Whole, *, scratch: Path | None, check: Callable[[], None]) -> None:
        """Open the first part of an archive that was found; raises OSError of the storage."""
        self._storage = storage
        self._whole = whole
        self._size = whole.size
        self._scratch = scratch
        self._check = check
        self._lock = threading.Lock()
        self._head: bytes | None = None
        self._closing = contextlib.ExitStack()
        self._ranges: Ranges | None = None
        """Where any place can be read: the storage itself, or the copy once there is one."""
        first = self._open(whole.parts[0])
        if first is not None:
            self._ranges = Joined(whole.parts, first, self._open_next)
            self._closing.callback(self._ranges.close)

    @property
    def name(self) -> str:
        """What the file is called, without a part's number."""
        return self._whole.name

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return self._size

    def read_at(self, offset: int, size: int) -> bytes:
        """Read so many bytes from an offset on; fewer only at the end."""
        self._check()
        size = min(size, self._size - offset)
        if size <= 0:
            return b""
        with _told(self.name):
            if self._ranges is None:
                if offset + size <= HEAD_BYTES:
                    return self._beginning()[offset : offset + size]
                return self._copied().read_at(offset, size)
            return self._ranges.read_at(offset, size)

    def stream(self) -> BinaryIO:
        """Give it as a file that is read from the start on, once; it can be sought in where the storage allows it."""
        if self._ranges is not None:
            return cast("BinaryIO", Sequential(self.read_at, self._size))
        return cast("BinaryIO", Once(self._pieces()))

    def confirm(self) -> None:
        """Raise ArchiveChanged unless the archive still looks as it did when it was opened."""
        step_ns = self._storage.capabilities.step_ns
        for part in self._whole.parts:
            self._check()
            with _told(self.name):
                now = self._storage.stat(part.path)
            if now is None or not looks_same(now, part.row, step_ns=step_ns):
                raise self._changed(part)

    def close(self) -> None:
        """Let go of it, and of the copy if there is one; twice is fine."""
        self._closing.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        try:
            if isinstance(error, Damaged | Unsupported) and (changed := self._change()) is not None:
                raise changed from error
        finally:
            self.close()

    def _change(self) -> ArchiveChanged | None:
        try:
            self.confirm()
        except ArchiveChanged as error:
            return error
        except (TemporaryError, PermanentError):
            return None  # it cannot be asked now, so what was found in it stands
        return None

    def _open(self, part: Part) -> Ranges | None:
        """Open a part to be read at any place; None if its storage cannot do so."""
        file = self._storage.open_file(part.path)
        try:
            found: Ranges | None = local_ranges(file)
            if found is None and file.seekable():
                found = SeekingRanges(file, size=part.row.size, reopen=lambda *args: self._reopen(part, *args))
        except BaseException:
            file.close()
            raise
        if found is None:
            file.close()
        return found

    def _open_next(self, part: Part) -> Ranges:
        found = self._open(part)
        if found is None:
            raise TemporaryError(f"{text_of(part.path)!r}: its storage reads it otherwise than the part before it")
        return found

    def _reopen(self, part: Part, error: Exception, tried: int) -> BinaryIO:
        """Open a part again after its connection broke, if it still is what it was; else raise."""
        self._check()
        if tried > _MOST_REOPENED or not is_temporary(error):
            raise error
        now = self._storage.stat(part.path)
        if now is None or not looks_same(now, part.row, step_ns=self._storage.capabilities.step_ns):
            raise self._changed(part)
        return self._storage.open_file(part.path)

    def _beginning(self) -> bytes:
        with self._lock:
            if self._head is None:
                with contextlib.closing(self._pieces()) as pieces:
                    head = bytearray()
                    while len(head) < HEAD_BYTES and (piece := next(pieces, None)):
                        head += piece
                self._head = bytes(head)
            return self._head

    def _copied(self) -> Ranges:
        with self._lock:
            if self._ranges is None:
                with contextlib.closing(self._pieces()) as pieces:
                    self._ranges = put_aside(pieces, size=self._size, scratch=self._scratch)
                self._closing.callback(self._ranges.close)
            return self._ranges

    def _pieces(self) -> Generator[bytes, None, None]:
        """Read all parts from start to end."""
        for part in self._whole.parts:
            left = part.row.size
            with _told(self.name), self._storage.open_file(part.path) as file:
                while piece := file.read(min(_PIECE_BYTES, left + 1)):
                    self._check()
                    left -= len(piece)
                    if left < 0:
                        break
                    yield piece
            if left:
                raise self._changed(part)

    def _changed(self, part: Part) -> ArchiveChanged:
        return ArchiveChanged(f"{text_of(part.path)!r} was changed while it was read")


@contextlib.contextmanager
def _told(name: str) -> Iterator[None]:
    """Tell what a storage raises as what the reader of an archive shall do about it."""
    try:
        yield
    except Short as error:
        raise ArchiveChanged(f"{name!r} became shorter while it was read") from error
    except OSError as error:
        if error.errno == errno.ESTALE:
            raise ArchiveChanged(f"{name!r} was changed while it was read") from error
        if is_temporary(error):
            raise TemporaryError(f"{name!r}: {error}") from error
        raise ArchiveError(f"{name!r} cannot be read: {error.strerror or error}") from error
