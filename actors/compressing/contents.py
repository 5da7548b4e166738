"""Reads what goes into an archive, and finds out whether it stayed what it was.

A file that the operating system has open tells its attributes itself, before and after: that costs next to nothing. Of
others the storage is asked once more after they were read.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import BinaryIO

from actors.archives.packing import STREAM_BYTES, Content, Entry
from actors.compressing.outcomes import Outcome, Outcomes
from actors.compressing.tally import Tally
from actors.datasources.abilities import Opening
from actors.datasources.bandwidth import Bandwidth
from actors.datasources.paths import text_of
from actors.datasources.retrying import Repeats, is_temporary
from actors.datasources.rows import Kind, Row
from actors.datasources.storage import Storage
from actors.transferring.sides import looks_same
from rota.errors import TemporaryError

CHANGED = "changed while it was read"
_GONE = "gone since it was listed"
_EXECUTABLE = 0o111


class StoredContents:
    """The files of a storage; safe in several threads. See `packing.Contents`."""

    def __init__(
        self,
        storage: Storage,
        outcomes: Outcomes,
        tally: Tally,
        *,
        bandwidth: Bandwidth,
        repeats: Repeats,
        check: Callable[[], None],
    ) -> None:
        """`repeats` says how often it is tried again to open a file, or to read a small one."""
        self._storage = storage
        self._opening = storage if isinstance(storage, Opening) else None
        self._outcomes = outcomes
        self._tally = tally
        self._bandwidth = bandwidth
        self._repeats = repeats
        self._check = check

    def read(self, entry: Entry) -> Content | None:
        """Read a file; None if it is gone or cannot be read."""
        self._check()
        self._bandwidth.take(entry.size)
        try:
            content, is_same = self._repeats.call(lambda: self._read_once(entry))
        except OSError as error:
            self._leave_out(entry, error)
            return None
        size = len(content.data)
        self._tally.moved(size)
        if size < entry.size:
            self._tally.spared(entry.size - size)
        if self._outcomes.wants_hashes:
            digest = hashlib.sha256(content.data).hexdigest()
            self._outcomes.tell(entry, Outcome(size, "" if is_same else CHANGED, hash=digest))
        elif not is_same:
            self._outcomes.tell(entry, Outcome(size, CHANGED))
        return content

    def open(self, entry: Entry, *, start: int = 0) -> FileStream | None:
        """Open a file to be read from a byte on; None if it is gone or cannot be read."""
        self._check()
        try:
            file = self._repeats.call(lambda: self._storage.open_file(entry.path))
        except OSError as error:
            self._leave_out(entry, error, start)
            return None
        return FileStream(self, file, entry, start)

    def took(self, size: int) -> None:
        """Let so many bytes pass, and count them."""
        self._check()
        self._bandwidth.take(size)
        self._tally.moved(size)

    def ended(self, entry: Entry, outcome: Outcome, descriptor: int | None) -> None:
        """Note what came of a stream."""
        if outcome.size < entry.size:
            self._tally.spared(entry.size - outcome.size)
        if not outcome.note and not self._is_same(entry, outcome.size, descriptor):
            outcome = outcome._replace(note=CHANGED)
        if outcome.note or outcome.hash:
            self._outcomes.tell(entry, outcome)

    @property
    def wants_hashes(self) -> bool:
        """Whether checksums of the contents are wanted."""
        return self._outcomes.wants_hashes

    def _read_once(self, entry: Entry) -> tuple[Content, bool]:
        if self._opening is not None:
            return _read_opened(self._opening.open_descriptor(entry.path), entry)
        with self._storage.open_file(entry.path) as file:
            data = _read(file.read, entry.size + 1)
            is_same = self._is_same(entry, len(data), None)
        return Content(data[: entry.size], executable=False), is_same

    def _is_same(self, entry: Entry, size: int, descriptor: int | None) -> bool:
        """Say whether a file of which so much was read looks as it did when it was listed."""
        if size != entry.size:
            return False
        if descriptor is not None:
            return _looks_like(os.fstat(descriptor), entry)
        now = self._storage.stat(entry.path)
        before = Row(b"", Kind.FILE, entry.size, entry.modified_ns)
        return now is not None and looks_same(before, now, step_ns=self._storage.capabilities.step_ns)

    def _leave_out(self, entry: Entry, error: OSError, start: int = 0) -> None:
        """Note that a file stays out, or that there is no more of it than what is in the archive already."""
        is_gone = isinstance(error, FileNotFoundError | NotADirectoryError)
        note = _GONE if is_gone else f"cannot be read: {error.strerror or error}"
        self._outcomes.tell(entry, Outcome(start, note, is_out=not start))
        self._tally.spared(entry.size - start)


class FileStream:
    """A file that is being read. See `packing.Stream`."""

    def __init__(self, contents: StoredContents, file: BinaryIO, entry: Entry, start: int) -> None:
        self._contents = contents
        self._file = file
        self._entry = entry
        self._start = start
        self._descriptor = descriptor_of(file)
        self._read = file.read if self._descriptor is None else partial(os.read, self._descriptor)
        self._hasher = hashlib.sha256() if contents.wants_hashes else None
        self._note = ""

    @property
    def executable(self) -> bool:
        """Whether the file may be executed."""
        return _is_executable(self._descriptor)

    def __iter__(self) -> Iterator[bytes]:
        """Give its pieces; what came of it is known before the last one is handed on."""
        at, size = self._start, self._entry.size
        piece = b""
        if self._skip():
            while at < size:
                piece = self._next(min(STREAM_BYTES, size - at))
                at += len(piece)
                if at == size or not piece:
                    break
                yield piece
        self._end(at)
        if piece:
            yield piece

    def close(self) -> None:
        """Let go of it; twice is fine."""
        self._file.close()

    def _skip(self) -> bool:
        """Go to where it starts; false if that cannot be done. For a checksum of the whole all before it is read."""
        left = self._start
        if left and self._hasher is None and self._file.seekable():
            self._file.seek(left)
            return True
        while left:
            piece = self._attempt(min(STREAM_BYTES, left))
            left -= len(piece)
            if not piece:
                return False
        return True

    def _next(self, count: int) -> bytes:
        piece = self._attempt(count)
        self._contents.took(len(piece))
        return piece

    def _attempt(self, count: int) -> bytes:
        """Read so many bytes, fewer at the end of the file or where it cannot be read on."""
        try:
            piece = _read(self._read, count)
        except OSError as error:
            if is_temporary(error):
                raise TemporaryError(f"{text_of(self._entry.path)!r}: {error.strerror or error}") from error
            self._note = f"cannot be read on: {error.strerror or error}"
            return b""
        if self._hasher is not None:
            self._hasher.update(piece)
        return piece

    def _end(self, at: int) -> None:
        digest = "" if self._hasher is None else self._hasher.hexdigest()
        self._contents.ended(self._entry, Outcome(at, self._note, hash=digest), self._descriptor)


def descriptor_of(file: BinaryIO) -> int | None:
    """Give the descriptor of a file that the operating system has open; None for what a storage sends."""
    try:
        return file.fileno()
    except OSError:
        return None


def _read_opened(descriptor: int, entry: Entry) -> tuple[Content, bool]:
    """Read a file that the operating system has open, and say whether it looks as it did when it was listed."""
    try:
        data = os.read(descriptor, entry.size + 1)
        found = os.fstat(descriptor)
        if len(data) < min(entry.size, found.st_size):
            data += _read(partial(os.read, descriptor), entry.size - len(data))
    finally:
        os.close(descriptor)
    is_same = len(data) == entry.size and _looks_like(found, entry)
    return Content(data[: entry.size], bool(found.st_mode & _EXECUTABLE)), is_same


def _looks_like(found: os.stat_result, entry: Entry) -> bool:
    return (found.st_size, found.st_mtime_ns) == (entry.size, entry.modified_ns)


def _read(read: Callable[[int], bytes], count: int) -> bytes:
    """Read so many bytes, fewer at the end of the file only."""
    data = read(count)
    if len(data) == count or not data:
        return data
    parts = [data]
    left = count - len(data)
    while left and (data := read(left)):
        parts.append(data)
        left -= len(data)
    return b"".join(parts)


def _is_executable(descriptor: int | None) -> bool:
    return descriptor is not None and bool(os.fstat(descriptor).st_mode & _EXECUTABLE)
