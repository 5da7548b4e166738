"""Copies large files chunk by chunk, so that a restart in the middle does not begin again.

A chunk counts once it is safe in the target's draft; then it goes into the checkpoint as one digest that covers it and
all before it, however many they are. The next attempt goes on behind it if the source still looks the same, and begins
again if not. Reading the copy back gives the same chain of digests, so the source is read once however often the copy
was interrupted.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from typing import NamedTuple, Protocol

import xxhash

from actors.datasources.abilities import Draft, Drafting
from actors.datasources.retrying import is_temporary
from actors.datasources.storage import Row
from actors.transferring.reading import Reader
from actors.transferring.sides import looks_same
from rota.errors import Interrupted, TemporaryError


class Begun(NamedTuple):
    """How far a large file is, and what it looked like."""

    size: int
    modified_ns: int
    etag: str
    done: int
    """How many bytes of its draft are safe."""
    digest: str
    """Of these, hexadecimal."""

    def fits(self, row: Row, *, step_ns: int) -> bool:
        """Say whether a file still looks as it did."""
        before = row._replace(size=self.size, modified_ns=self.modified_ns, etag=self.etag)
        return looks_same(before, row, step_ns=step_ns)


class Notes(Protocol):
    """Remembers how far large files are, by their paths in the target; for several threads."""

    def begun(self, goal: bytes) -> Begun | None:
        """Give what is remembered."""

    def note(self, goal: bytes, begun: Begun) -> None:
        """Remember it."""

    def forget(self, goal: bytes) -> None:
        """Remember nothing of it any more."""


class LargeFiles:
    """Copies of large files through drafts of one task; safe in several threads."""

    large_bytes = 64 * 1024 * 1024
    """Files from this size on go this way."""
    chunk_bytes = 32 * 1024 * 1024
    """How much is written between two notes: two parts of an object store."""

    def __init__(
        self, target: Drafting, reader: Reader, notes: Notes, *, key: str, step_ns: int, owns: Callable[[], None]
    ) -> None:
        """Take the task's id as the `key`, and how fine the source's times are.

        `owns` raises if another process has the task by now, and so the draft; it is called before a draft gets its
        name, for that one may have cut it off.
        """
        self._target = target
        self._reader = reader
        self._notes = notes
        self._key = key
        self._step_ns = step_ns
        self._owns = owns

    def takes(self, row: Row) -> bool:
        """Say whether a file goes this way."""
        return row.size >= self.large_bytes

    def copy(self, path: bytes, row: Row, goal: bytes, *, confirm: Callable[[], None]) -> tuple[Row, bytes]:
        """Copy a file once, or go on where an earlier attempt ended; give its row and the digest of the content."""

        def confirmed() -> None:
            self._owns()
            confirm()

        draft, done, digest = self._open(goal, row)
        with closing(draft):
            try:
                digest = self._fill(draft, self._reader.pieces(path, row, start=done), row, goal, digest)
                written = draft.publish(modified_ns=row.modified_ns or None, confirm=confirmed)
            except Exception as error:
                # What nobody will go on with should not stay, least of all on a full disk.
                if not isinstance(error, Interrupted) and not is_temporary(error):
                    self._discard(draft, goal)
                raise
        self._notes.forget(goal)
        return written, digest

    def digest(self, goal: bytes, size: int) -> bytes:
        """Read a copy back and give its digest."""
        chain = _Chain()
        with closing(self._reader.read_back(goal, size)) as pieces:
            for piece, ends in _in_chunks(pieces, self.chunk_bytes):
                chain.add(piece, ends=ends)
        return chain.digest()

    def discard(self, goal: bytes) -> None:
        """Remove the draft of a file that nobody will go on with."""
        with closing(self._target.draft(goal, self._key)) as draft:
            self._discard(draft, goal)

    def _open(self, goal: bytes, row: Row) -> tuple[Draft, int, bytes]:
        """Open the draft of a file, and give how many bytes of it can be built upon and their digest.

        One that cannot be built upon is thrown away and not cut to nothing: an attempt that was taken for dead may
        still write into it.
        """
        begun = self._notes.begun(goal)
        draft = self._target.draft(goal, self._key)
        try:
            if begun is not None and begun.fits(row, step_ns=self._step_ns) and begun.done <= draft.size:
                draft.cut(begun.done)
                return draft, begun.done, bytes.fromhex(begun.digest)
            draft.discard()
        except BaseException:
            draft.close()
            raise
        draft.close()
        return self._target.draft(goal, self._key), 0, b""

    def _fill(self, draft: Draft, pieces: Generator[bytes, None, None], row: Row, goal: bytes, digest: bytes) -> bytes:
        """Write what is missing, and note each chunk that is safe; give the digest of all."""
        chain = _Chain(digest)
        done = draft.size
        with closing(pieces):
            for piece, ends in _in_chunks(pieces, self.chunk_bytes):
                draft.append(piece)
                chain.add(piece, ends=ends)
                done += len(piece)
                if not ends:
                    continue
                draft.keep()
                # Where the storage takes parts of a size of its own, not every chunk ends with one.
                if draft.size == done:
                    self._notes.note(goal, Begun(row.size, row.modified_ns, row.etag, done, chain.digest().hex()))
        return chain.digest()

    def _discard(self, draft: Draft, goal: bytes) -> None:
        self._notes.forget(goal)
        try:
            draft.discard()
        except (OSError, TemporaryError):
            return  # what made it stop is what has to be told; the clean-up of leftovers finds it


class _Chain:
    """The digest of a content in chunks: that of each covers the one before."""

    def __init__(self, digest: bytes = b"") -> None:
        self._last = digest
        self._hasher = xxhash.xxh3_128(digest)
        self._open = False

    def add(self, piece: bytes, *, ends: bool) -> None:
        """Take what follows; `ends` says that it is the end of a chunk."""
        self._hasher.update(piece)
        self._open = not ends
        if ends:
            self._last = self._hasher.digest()
            self._hasher = xxhash.xxh3_128(self._last)

    def digest(self) -> bytes:
        """Give the digest of all that was added."""
        return self._hasher.digest() if self._open else self._last


def _in_chunks(pieces: Iterable[bytes], size: int) -> Iterator[tuple[bytes, bool]]:
    """Divide pieces where a chunk ends, and say after which of them one does."""
    left = size
    for piece in pieces:
        start = 0
        while len(piece) - start >= left:
            yield piece[start : start + left], True
            start, left = start + left, size
        if start < len(piece):
            yield piece[start:], False
            left -= len(piece) - start
