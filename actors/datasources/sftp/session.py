"""One SFTP session: few requests at once, a time limit on each, errors in our words, and no link on the way.

The protocol has no way to open an entry beneath a folder that is held open, and servers follow links in the paths they
are given. So each folder on the way to a path, from the root down, is asked for its own attributes before a request
and, where something is read, again after it: a link that was put there and stays is always seen, and what was read
through it is thrown away. Who can swap a folder for a link and back between two requests of microseconds is not held by
this; against such a neighbour the server has to hold the account itself (a chroot, a mount of its own). What they can
gain is bounded by what the account may read; and a file that was opened must agree in owner, group and permissions with
what stood at the path before and after, so that the files of other people are not read even then.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar, cast

from actors.datasources.paths import split
from actors.datasources.sftp.rows import Attributes, error_of, kind_of
from actors.datasources.storage import Kind
from rota.errors import TemporaryError

if TYPE_CHECKING:
    import asyncssh

T = TypeVar("T")

_GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
# Codes that speak of the connection and not of a path.
_BROKEN = frozenset({6, 7})
_MOST_PIECE_BYTES = 128 * 1024


def is_gone(error: OSError) -> bool:
    """Say whether an error means that there is no such entry, or one that a link or a file leads to."""
    return error.errno in _GONE


async def all_of(*requests: Awaitable[T]) -> list[T]:
    """Wait for all of them, then give their answers or raise the first error in their order."""
    answers = await asyncio.gather(*requests, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return [answer for answer in answers if not isinstance(answer, BaseException)]


class Session:
    """An open session; for the thread of its event loop only. Paths are those of the datasource."""

    def __init__(
        self,
        connection: asyncssh.SSHClientConnection,
        client: asyncssh.SFTPClient,
        *,
        base: bytes,
        in_flight: int,
        seconds: float,
        server: str,
        hide: Callable[[str], str],
    ) -> None:
        """`hide` takes secrets out of what the server says."""
        self.client = client
        self.piece_bytes = min(client.limits.max_read_len, client.limits.max_write_len, _MOST_PIECE_BYTES)
        """How much one request may read or write."""
        self.in_flight = in_flight
        self._connection = connection
        self._base = base
        self._seconds = seconds
        self._server = server
        self._hide = hide
        self._permits = asyncio.Semaphore(in_flight)
        self._broken = False
        self._reason = ""
        """Why it broke."""

    @property
    def is_usable(self) -> bool:
        """Whether requests may be sent."""
        return not self._broken and not self._connection.is_closed()

    def absolute(self, path: bytes) -> bytes:
        """Give a path as the server knows it."""
        return self._base + b"/" + path if path else self._base or b"/"

    async def ask(self, path: bytes, request: Callable[[], Awaitable[T]]) -> T:
        """Send one request that concerns a path, and give the answer.

        Raises OSError for what the server says about the path, TemporaryError if the connection broke or the server did
        not answer in time; the session is not usable then.
        """
        async with self._permits:
            with self._translated(path):
                async with asyncio.timeout(self._seconds):
                    return await request()

    async def lstat(self, path: bytes) -> Attributes:
        """Give the attributes of an entry itself, of the link where it is one; the root's own link is followed."""
        name = self.absolute(path)
        return await self.ask(path, lambda: self.client.lstat(name) if path else self.client.stat(name))

    async def find(self, path: bytes) -> Attributes | None:
        """Give the attributes of an entry itself, or None if it is not there."""
        try:
            return await self.lstat(path)
        except OSError as error:
            if is_gone(error):
                return None
            raise

    async def enter(self, path: bytes) -> Attributes:
        """Make sure that a path and all above it are folders, not links, and give the folder's attributes.

        Raises FileNotFoundError, NotADirectoryError or OSError (ELOOP).
        """
        parts = path.split(b"/") if path else []
        ways = [b"/".join(parts[:depth]) for depth in range(1, len(parts) + 1)] or [b""]
        found = await all_of(*(self.lstat(way) for way in ways))
        for way, attributes in zip(ways, found, strict=True):
            kind = kind_of(attributes)
            if kind == Kind.LINK:
                raise OSError(errno.ELOOP, "a link is on the way", way)
            if kind != Kind.FOLDER:
                raise NotADirectoryError(errno.ENOTDIR, "not a folder", way)
        return found[-1]

    async def enter_parent(self, path: bytes) -> Attributes:
        """Do so for the folder that an entry is in."""
        return await self.enter(split(path)[0])

    async def scan(self, path: bytes, take: Callable[[bytes, Attributes], None]) -> None:
        """Hand over name and attributes of every entry of a folder, `.` and `..` among them.

        The server follows a link here, so `enter` goes round it.
        """
        async with self._permits:
            with self._translated(path), _Watch(self._seconds, self._cut) as watch:
                listing = cast("AsyncGenerator[asyncssh.SFTPName, None]", self.client.scandir(self.absolute(path)))
                async with aclosing(listing) as entries:
                    async for entry in entries:
                        take(cast("bytes", entry.filename), entry.attrs)
                        watch.renew()

    async def close(self) -> None:
        """End the session and its connection, by force if the server does not answer."""
        self._broken = True
        try:
            async with asyncio.timeout(min(self._seconds, 2)):
                self._connection.close()
                await self._connection.wait_closed()
        except TimeoutError:
            self._connection.abort()
            await self._connection.wait_closed()

    def _cut(self) -> None:
        self._over(self._late())

    def _give_up(self) -> None:
        self._broken = True
        self._connection.abort()

    @contextmanager
    def _translated(self, path: bytes) -> Iterator[None]:
        import asyncssh

        try:
            yield
        except TimeoutError as error:
            # Nothing can be said of a connection that owes an answer: the next call begins a new one.
            raise self._over(self._late()) from error
        except asyncssh.SFTPError as error:
            if error.code not in _BROKEN:
                raise error_of(error.code, self._hide(error.reason), path) from None
            raise self._broke(error.reason) from None
        except asyncssh.Error as error:
            raise self._broke(error.reason) from None
        except (OSError, ValueError) as error:  # of the network, or about what the server sent
            raise self._broke(str(error)) from None

    def _broke(self, reason: str) -> TemporaryError:
        return self._over(f"the connection to {self._server} broke: {self._hide(reason) or 'no reason given'}")

    def _late(self) -> str:
        return f"{self._server} did not answer within {self._seconds:g} s"

    def _over(self, reason: str) -> TemporaryError:
        """End the session; those that lose their answers by it are told the first reason, which is the right one."""
        self._reason = self._reason or reason
        self._give_up()
        return TemporaryError(self._reason)


class _Watch:
    """A time limit that is renewed with every entry at next to no cost; raises TimeoutError.

    It cuts the connection, which ends the request: a cancelled listing would still wait for the server to close it.
    """

    def __init__(self, seconds: float, cut: Callable[[], None]) -> None:
        self._seconds = seconds
        self._cut = cut
        self._expired = False
        self._loop = asyncio.get_running_loop()

    def __enter__(self) -> _Watch:
        self.renew()
        self._timer = self._loop.call_at(self._until, self._check)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        if self._expired and error is not None:
            raise TimeoutError from error

    def renew(self) -> None:
        """Start the time again."""
        self._until = self._loop.time() + self._seconds

    def _check(self) -> None:
        if self._loop.time() < self._until:
            self._timer = self._loop.call_at(self._until, self._check)
        else:
            self._expired = True
            self._cut()
