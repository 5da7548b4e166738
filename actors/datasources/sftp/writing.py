"""Writes a file of an SFTP server under a private name beside its target, and puts it into place when it is whole.

Where the server offers `posix-rename@openssh.com` (OpenSSH and most others) one request replaces the target. Elsewhere
a target that is there is set aside under a private name first: whoever looks between the two requests finds no file,
and a crash just there leaves the whole old file under that name; nobody ever finds half a file.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from actors.datasources.drafts import draft_beside
from actors.datasources.sftp.rows import Attributes, kind_of, seconds_of
from actors.datasources.sftp.session import Session, all_of
from actors.datasources.storage import Kind

if TYPE_CHECKING:
    import asyncssh

_BLOCK_BYTES = 1024 * 1024


def blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Put small pieces together, so that there is enough for several requests at once."""
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= _BLOCK_BYTES:
            yield b"".join(waiting)
            waiting, size = [], 0
    if size:
        yield b"".join(waiting)


class Draft:
    """A file on its way to a path; for the thread of its session only."""

    def __init__(self, path: bytes) -> None:
        self.path = path
        self.name = draft_beside(path)
        self.is_begun = False
        """Whether the server may have something of it."""
        self._session: Session
        self._file: asyncssh.SFTPClientFile
        self._size = 0
        self._closed = True
        self._aside = self.name + b"-old"
        self._set_aside = False

    async def open(self, session: Session) -> None:
        """Begin; the folder must be there, and what is to be replaced must be no folder."""
        self._session = session
        await all_of(session.enter_parent(self.path), self._target())
        name = session.absolute(self.name)
        self.is_begun = True
        self._file = await session.ask(self.name, lambda: session.client.open(name, "xb", block_size=0))
        self._closed = False

    async def write(self, block: bytes) -> None:
        """Add to it, several requests at once."""
        start, self._size = self._size, self._size + len(block)
        piece = self._session.piece_bytes
        await all_of(*(self._write_at(start + at, block[at : at + piece]) for at in range(0, len(block), piece)))

    async def finish(self, modified_ns: int | None) -> Attributes:
        """Make sure that the server has all of it, and give the attributes it has now."""
        session = self._session
        await all_of(self._sync(), self._set_modified(modified_ns))
        await session.ask(self.name, self._file.close)
        self._closed = True
        found = await session.lstat(self.name)
        if kind_of(found) != Kind.FILE or found.size != self._size:
            raise OSError(errno.EIO, f"the server has {found.size} bytes of {self._size} that were written", self.path)
        return found

    async def put(self) -> None:
        """Give it its name."""
        session = self._session
        _, old = await all_of(session.enter_parent(self.path), self._target())
        try:
            await rename(session, self.name, self.path, replace=True)
        except OSError as error:
            if error.errno != errno.ENOTSUP:
                raise
            await self._put_in_two_steps(old)

    async def discard(self, session: Session) -> None:
        """Remove what there is of it, and put back what it set aside.

        `session` may be a later one than it was begun in: the end of that one closed the file.
        """
        if not self._closed and session is self._session:
            with contextlib.suppress(OSError):  # what cannot be closed, on a full disk for one, can be removed
                await session.ask(self.name, self._file.close)
        if self._set_aside:
            await self._put_back(session)
        await remove(session, self.name)

    async def _sync(self) -> None:
        try:
            await self._session.ask(self.name, self._file.fsync)
        except OSError as error:
            if error.errno != errno.ENOTSUP:
                raise

    async def _set_modified(self, modified_ns: int | None) -> None:
        from asyncssh import SFTPAttrs

        if modified_ns is not None:
            seconds = seconds_of(modified_ns)
            times = SFTPAttrs(atime=seconds, mtime=seconds)
            await self._session.ask(self.name, lambda: self._file.setstat(times))

    async def _put_in_two_steps(self, old: Attributes | None) -> None:
        session = self._session
        if old is None:
            await rename(session, self.name, self.path)
            return
        self._set_aside = True
        await rename(session, self.path, self._aside)
        await rename(session, self.name, self.path)
        await remove(session, self._aside)
        self._set_aside = False

    async def _put_back(self, session: Session) -> None:
        if await session.find(self._aside) is None:
            return
        if await session.find(self.path) is None:
            await rename(session, self._aside, self.path)
        else:
            await remove(session, self._aside)

    async def _target(self) -> Attributes | None:
        found = await self._session.find(self.path)
        if found is not None and kind_of(found) == Kind.FOLDER:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), self.path)
        return found

    async def _write_at(self, offset: int, data: bytes) -> None:
        await self._session.ask(self.name, lambda: self._file.write(data, offset))


async def rename(session: Session, path: bytes, target: bytes, *, replace: bool = False) -> None:
    """Ask for a rename; one that replaces raises OSError (ENOTSUP) where the server has none."""
    request = session.client.posix_rename if replace else session.client.rename
    await session.ask(path, lambda: request(session.absolute(path), session.absolute(target)))


async def remove(session: Session, path: bytes) -> None:
    """Ask for the removal of a file or link."""
    await session.ask(path, lambda: session.client.remove(session.absolute(path)))
