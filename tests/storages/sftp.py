"""An SFTP server over a folder: asyncssh's own, in a thread with a loop of its own, and able to misbehave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Any

import asyncssh

from actors.datasources.storage import Datasource
from rota.datasources import Rules
from tests.storages.folders import ServedFolder

USER = "rota"
PASSWORD = "pass:word/with@odd signs"
_REQUESTS = (
    "read",
    "write",
    "lstat",
    "stat",
    "fstat",
    "fsetstat",
    "remove",
    "mkdir",
    "rmdir",
    "realpath",
    "rename",
    "posix_rename",
    "fsync",
)

Fault = Callable[[str, bytes], Awaitable[None]]
"""Called with a request and its path (or name) before it is answered; may raise, wait for ever or cut the line."""


async def no_fault(request: str, path: bytes) -> None:
    """Let every request pass."""


async def silence(request: str, path: bytes) -> None:
    """Never answer."""
    await asyncio.Event().wait()


@dataclass(kw_only=True)
class ServedSftp(ServedFolder):
    """The folder as the server shows it, and the means to disturb it."""

    loop: asyncio.AbstractEventLoop
    """The server's own."""
    port: int
    host_key: str
    fault: Fault = no_fault
    bare: bool = False
    """Whether listings have names only, as some servers do it."""
    seen: list[tuple[str, bytes]] = field(default_factory=list)
    """The requests that came, for tests that count them."""
    files: list[Any] = field(default_factory=list)
    """All that were opened: a request that waits for ever keeps the library from closing its file."""
    taken: int = 0
    """How many connections were made in all."""
    connections: list[asyncssh.SSHServerConnection] = field(default_factory=list)

    def configured(
        self,
        path: str = "/",
        *,
        rules: Rules | None = None,
        marker: str | None = None,
        user: str = USER,
        **options: Any,
    ) -> Datasource:
        """Give a datasource on the server, with a private key unless the options say otherwise."""
        return Datasource(
            name="remote",
            kind="sftp",
            root=f"sftp://{user}@127.0.0.1:{self.port}{path}",
            options={"host_key": self.host_key, "private_key": "env:SFTP_TEST_KEY", **options},
            rules=rules or Rules(allow_private=True),
            marker=marker,
        )

    def cut(self) -> None:
        """Break all connections; only in the server's own thread, as a fault for one."""
        for connection in list(self.connections):
            connection.abort()


class _Login(asyncssh.SSHServer):
    def __init__(self, served: ServedSftp, key: asyncssh.SSHKey) -> None:
        self._served = served
        self._key = key.public_data

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._served.connections.append(conn)
        self._served.taken += 1

    def connection_lost(self, exc: Exception | None) -> None:
        self._served.connections.remove(self._connection)

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == USER and key.public_data == self._key

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return username == USER and password == PASSWORD


class _Files(asyncssh.SFTPServer):
    def __init__(self, served: ServedSftp, channel: Any) -> None:
        super().__init__(channel, chroot=served.place(b"").rstrip(b"/"))
        self._served = served

    def format_longname(self, name: asyncssh.SFTPName) -> None:
        name.longname = name.filename  # looking up owners takes longer than all the rest

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        await self._answer("scandir", path)
        # Whole, for a client that hangs up in between leaves this generator where it stands.
        for entry in [entry async for entry in super().scandir(path)]:
            await self._served.fault("entry", entry.filename)
            yield asyncssh.SFTPName(entry.filename, attrs=asyncssh.SFTPAttrs()) if self._served.bare else entry

    async def _answer(self, request: str, path: bytes) -> None:
        self._served.seen.append((request, path))
        await self._served.fault(request, path)


def _disturbed(request: str) -> Any:
    async def answer(self: _Files, target: Any, *others: Any) -> Any:
        await self._answer(request, target if isinstance(target, bytes) else target.name)
        return getattr(asyncssh.SFTPServer, request)(self, target, *others)

    return answer


async def _open(self: _Files, path: bytes, *others: Any) -> Any:
    await self._answer("open", path)
    file: Any = asyncssh.SFTPServer.open(self, path, *others)
    self._served.files.append(file)
    return file


async def _close(self: _Files, file: Any) -> None:
    try:
        await self._answer("close", file.name)
    finally:
        file.close()


for _request in _REQUESTS:
    setattr(_Files, _request, _disturbed(_request))
_Files.open, _Files.close = _open, _close


@contextmanager
def serve(folder: Path, *, offers_sftp: bool = True) -> Iterator[ServedSftp]:
    """Serve the folder as `/` on a free port; one user, who logs in with a key or a password."""
    user_key, host_key = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    served = ServedSftp(
        folder=folder,
        datasource=Datasource(name="remote", root=""),
        environment={"SFTP_TEST_KEY": user_key.export_private_key().decode(), "SFTP_TEST_PASSWORD": PASSWORD},
        loop=asyncio.new_event_loop(),
        port=0,
        host_key=host_key.export_public_key().decode().strip(),
    )
    ready, stop = Event(), asyncio.Event()

    async def listen() -> None:
        listening = await asyncssh.listen(
            "127.0.0.1",
            0,
            server_factory=lambda: _Login(served, user_key),
            server_host_keys=[host_key],
            sftp_factory=(lambda channel: _Files(served, channel)) if offers_sftp else None,
            allow_scp=False,
        )
        async with listening:
            served.port = listening.get_port()
            ready.set()
            await stop.wait()
            served.cut()
        for file in served.files:
            file.close()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: served.loop) as runner:
            runner.run(listen())

    thread = Thread(target=run, name="sftp server")
    thread.start()
    try:
        assert ready.wait(30)
        served.datasource = served.configured()
        yield served
    finally:
        served.loop.call_soon_threadsafe(stop.set)
        thread.join()
