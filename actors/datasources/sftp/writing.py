"""Writes a file of an SFTP server under a private name beside its target, and puts it into place when it is whole.

Where the server offers `posix-rename@openssh.com` (OpenSSH and most others) one request replaces the target. Elsewhere
a target that is there is set aside first, into a private folder: whoever looks between the two requests finds no file,
and a crash just there leaves the whole old file in that folder, under its own name, so that the clean-up of leftovers
puts it back. Nobody ever finds half a file.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from actors.datasources.drafts import aside_of, draft_beside
from actors.datasources.paths import join, split
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

    def __init__(self, path: bytes, name: bytes | None = None) -> None:
        """Take the path; `name` is that of the draft, if it shall be found again."""
        self.path = path
        self.name = name or draft_beside(path)
        self.is_begun = False
        """Whether the server may have something of it."""
        self._session: Session
        self._file: asyncssh.SFTPClientFile
        self.size = 0
        """How many bytes were written."""
        self._closed = True
        self._aside = aside_of(self.name)
        self._old = join(self._aside, split(path)[1])
        self._set_aside = False

    async def open(self, session: Session) -> None:
        """Begin; the folder must be there, and what is to be replaced must be no folder."""
        self._session = session
        await all_of(session.enter_parent(self.path), self._target())
        name = session.absolute(self.name)
        self.is_begun = True
        self._file = await session.ask(self.name, lambda: session.client.open(name, "xb", block_size=0))
        self._closed = False

    async def resume(self, session: Session) -> None:
        """Go on with what the server has of it, or begin; what else has its name gives way.

        Servers follow links where they open a file, so the name is looked at before and after.
        """
        if await session.find(self.name) is None:
            await self.open(session)
            return
        self._session = session
        await all_of(session.enter_parent(self.path), self._target())
        if await self._is_ours():
            name = session.absolute(self.name)
            self.is_begun = True
            self._file = await session.ask(self.name, lambda: session.client.open(name, "r+b", block_size=0))
            self._closed = False
            opened = await session.ask(self.name, self._file.stat)
            if await self._is_ours():
                self.size = int(opened.size or 0)
                return
            await self.leave()
        await remove(session, self.name)
        await self.open(session)

    async def cut(self, size: int) -> None:
        """Forget what follows so many bytes."""
        await self._session.ask(self.name, lambda: self._file.truncate(size))
        self.size = size

    async def write(self, block: bytes) -> None:
        """Add to it, several requests at once."""
        start, self.size = self.size, self.size + len(block)
        piece = self._session.piece_bytes
        await all_of(*(self._write_at(start + at, block[at : at + piece]) for at in range(0, len(block), piece)))

    async def finish(self, modified_ns: int | None) -> Attributes:
        """Make sure that the server has all of it, and give the attributes it has now."""
        session = self._session
        await all_of(self.sync(), self._set_modified(modified_ns))
        await session.ask(self.name, self._file.close)
        self._closed = True
        found = await session.lstat(self.name)
        if kind_of(found) != Kind.FILE or found.size != self.size:
            raise OSError(errno.EIO, f"the server has {found.size} bytes of {self.size} that were written", self.path)
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
        if session is self._session:
            with contextlib.suppress(OSError):  # what cannot be closed, on a full disk for one, can be removed
                await self.leave()
        if self._set_aside:
            await self._put_back(session)
        with contextlib.suppress(FileNotFoundError):
            await remove(session, self.name)

    async def leave(self) -> None:
        """Close it, and leave it where it is; twice is fine."""
        if not self._closed and self._session.is_usable:
            self._closed = True
            await self._session.ask(self.name, self._file.close)

    async def sync(self) -> None:
        """Have the server write it to its disk, if it knows how."""
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
        if await session.find(self._aside) is not None:
            await self._let_go(session)  # of an attempt that was killed; what has the name now is newer
        self._set_aside = True
        await session.ask(self._aside, lambda: session.client.mkdir(session.absolute(self._aside)))
        await rename(session, self.path, self._old)
        await rename(session, self.name, self.path)
        await self._let_go(session)
        self._set_aside = False

    async def _put_back(self, session: Session) -> None:
        if await session.find(self._old) is not None and await session.find(self.path) is None:
            await rename(session, self._old, self.path)
        if await session.find(self._aside) is not None:
            await self._let_go(session)

    async def _let_go(self, session: Session) -> None:
        """Remove what was set aside."""
        if await session.find(self._old) is not None:
            await remove(session, self._old)
        await session.ask(self._aside, lambda: session.client.rmdir(session.absolute(self._aside)))

    async def _is_ours(self) -> bool:
        """Whether a plain file has the draft's name."""
        found = await self._session.find(self.name)
        return found is not None and kind_of(found) == Kind.FILE

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
