"""Reads a file of an SFTP server as a stream, several requests ahead of its reader."""

from __future__ import annotations

import errno
import io
import os
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING

from actors.datasources.sftp.rows import Attributes, has_same_owner, kind_of
from actors.datasources.sftp.session import Session, all_of
from actors.datasources.sftp.thread import LoopThread
from actors.datasources.storage import Kind

if TYPE_CHECKING:
    import asyncssh
    from _typeshed import WriteableBuffer


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A regular file that is open on the server; for the thread of its session only."""

    session: Session
    file: asyncssh.SFTPClientFile
    path: bytes
    size: int
    """In bytes, when it was opened."""

    async def read(self, offset: int) -> bytes:
        """Read one piece from an offset within the file."""
        pieces: list[bytes] = []
        until = min(offset + self.session.piece_bytes, self.size)
        while offset < until:
            piece = await self._read_at(offset, until - offset)
            if not piece:
                raise OSError(errno.EIO, "the file became shorter while it was read", self.path)
            pieces.append(piece)
            offset += len(piece)
        return b"".join(pieces)

    async def _read_at(self, offset: int, count: int) -> bytes:
        return await self.session.ask(self.path, lambda: self.file.read(count, offset))

    async def close(self) -> None:
        """Close it; a session that broke has closed it already."""
        if self.session.is_usable:
            await self.session.ask(self.path, self.file.close)


async def open_regular(session: Session, path: bytes) -> OpenFile:
    """Open a regular file for reading; raises OSError if it is none, or if a link leads to it."""
    # Before it is opened: a fifo would keep the server waiting, with all other requests of the session.
    before = await _check_regular(session, path)
    name = session.absolute(path)
    file = await session.ask(path, lambda: session.client.open(name, "rb", block_size=0))
    try:
        found, after = await all_of(session.ask(path, file.stat), _check_regular(session, path))
        _check_kind(found, path)
        _check_owner(found, before, after, path)
    except BaseException:
        await OpenFile(session, file, path, 0).close()
        raise
    return OpenFile(session, file, path, found.size or 0)


async def _check_regular(session: Session, path: bytes) -> Attributes:
    _, found = await all_of(session.enter_parent(path), session.lstat(path))
    _check_kind(found, path)
    return found


def _check_kind(found: Attributes, path: bytes) -> None:
    kind = kind_of(found)
    if kind != Kind.FILE:
        number = {Kind.LINK: errno.ELOOP, Kind.FOLDER: errno.EISDIR}.get(Kind(kind)) if kind else None
        raise OSError(number or errno.EINVAL, os.strerror(number) if number else "no regular file", path)


def _check_owner(found: Attributes, before: Attributes, after: Attributes, path: bytes) -> None:
    # What is open tells its own attributes, whatever the path leads to by now.
    if not (has_same_owner(found, before) and has_same_owner(found, after)):
        raise OSError(errno.ELOOP, "replaced while it was opened", path)


class Stream(io.RawIOBase):
    """The content that a file had when it was opened.

    Pieces are asked for ahead, twice as many each time until as many as may be in flight, as long as they are read in
    order: a reader who jumps about pays for little more than what they read. A connection that breaks raises
    TemporaryError; the end of the stream is always the end of the file.
    """

    def __init__(self, thread: LoopThread, opened: OpenFile) -> None:
        super().__init__()
        self._thread = thread
        self._opened = opened
        self._ahead: deque[Future[bytes]] = deque()
        self._asked = 0  # up to where pieces are asked for
        self._window = 1
        self._piece = memoryview(b"")
        self._at = 0

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def seekable(self) -> bool:
        """Say that it can be read from anywhere."""
        return True

    def tell(self) -> int:
        """Give the position."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a position."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._opened.size}[whence]
        target = start + offset
        if target < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), self._opened.path)
        if target != self._at:
            self._forget()
            self._at = self._asked = target
        return target

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Read what is there, at most as much as fits."""
        if not self._piece:
            self._piece = memoryview(self._next())
        into = memoryview(buffer).cast("B")
        count = min(len(into), len(self._piece))
        into[:count] = self._piece[:count]
        self._piece = self._piece[count:]
        self._at += count
        return count

    def close(self) -> None:
        """Close the file; nobody waits for the server's answer."""
        if self.closed:
            return
        self._forget()
        try:
            self._thread.submit(self._opened.close())
        except OSError as error:
            if error.errno != errno.EBADF:  # the storage was closed before, and the file with it
                raise
        super().close()

    def _next(self) -> bytes:
        opened = self._opened
        while len(self._ahead) < self._window and self._asked < opened.size:
            self._ahead.append(self._thread.submit(opened.read(self._asked)))
            self._asked += opened.session.piece_bytes
        self._window = min(self._window * 2, opened.session.in_flight)
        return self._thread.wait(self._ahead.popleft()) if self._ahead else b""

    def _forget(self) -> None:
        for piece in self._ahead:
            piece.cancel()
        self._ahead.clear()
        self._window = 1
        self._piece = memoryview(b"")
