"""Secrets show in no error, whatever a server answers: the record of a run has its error with the traceback."""

from __future__ import annotations

import asyncio
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import asyncssh
import pytest

from actors.datasources.opening import open_storage
from actors.datasources.storage import Storage
from rota.errors import RotaError
from tests.storages.faulty import (
    REMOTES,
    SECRET,
    echo,
    environment,
    greeting,
    listening,
    repeating,
    shows_a_secret,
)

CALLS: tuple[Callable[[Storage], object], ...] = (
    lambda storage: storage.verify(),
    lambda storage: storage.list_folder(b"a"),
    lambda storage: storage.write(b"a", [b"x"]),
)
WEB = [name for name in REMOTES if not name.startswith(("sftp", "fsspec"))]
BEHAVIOURS = {
    "echo": echo,
    "elsewhere": repeating(302),
    "unauthorized": repeating(401),
    "broken": repeating(500),
    "greeting": greeting,
}
SERVERS = [(name, behaviour) for name in WEB for behaviour in BEHAVIOURS if behaviour != "greeting"]


def check_silence(caplog: pytest.LogCaptureFixture, make: Callable[[], Storage]) -> None:
    """Let each call fail, and look for secrets in what can be seen of it."""
    said = []
    for call in CALLS:
        try:
            with closing(make()) as storage:
                said.append(repr(storage) + str(vars(storage)))
                said.append(repr(call(storage)))
        except (RotaError, OSError) as error:
            said.append("".join(traceback.format_exception(error)) + repr(error))
    assert any("Traceback" in text for text in said)
    assert not [text for text in (*said, caplog.text) if shows_a_secret(text)]


@pytest.mark.parametrize(
    ("name", "behaviour"), [*SERVERS, ("fsspec", "greeting"), ("sftp", "echo"), ("sftp-key", "echo")]
)
def test_no_server_makes_a_secret_show(
    name: str, behaviour: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("WARNING")
    with listening(BEHAVIOURS[behaviour]) as port:
        for variable, value in environment(port).items():
            monkeypatch.setenv(variable, value)
        check_silence(caplog, lambda: open_storage(REMOTES[name].at(f"127.0.0.1:{port}")))


class _Telltale(asyncssh.SSHServer):
    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        raise asyncssh.DisconnectError(asyncssh.DISC_BY_APPLICATION, f"wrong: {password}")


@contextmanager
def telltale() -> Iterator[int]:
    """An SSH server that hangs up with the password as its reason."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    keys: Any = [asyncssh.generate_private_key("ssh-ed25519")]

    async def listen() -> asyncssh.SSHAcceptor:
        return await asyncssh.listen("127.0.0.1", 0, server_factory=_Telltale, server_host_keys=keys)

    server = asyncio.run_coroutine_threadsafe(listen(), loop).result(10)

    async def close() -> None:
        server.close()
        await server.wait_closed()

    try:
        yield server.get_port()
    finally:
        asyncio.run_coroutine_threadsafe(close(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def test_an_ssh_server_that_tells_the_password_is_not_quoted(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("F_SECRET", SECRET)
    with telltale() as port:
        check_silence(caplog, lambda: open_storage(REMOTES["sftp"].at(f"127.0.0.1:{port}")))


@pytest.mark.parametrize("name", ["s3", "s3-token", "azure-sas", "webdav-token", "gcs", "azure", "sftp-key"])
@pytest.mark.parametrize("spoilt", [f"{SECRET}\nx", f"{SECRET}ü", f"{SECRET}\x01{SECRET}"])
def test_a_secret_that_cannot_be_sent_is_not_quoted(
    name: str, spoilt: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with listening(repeating(500)) as port:
        for variable in environment(port):
            monkeypatch.setenv(variable, spoilt)
        check_silence(caplog, lambda: open_storage(REMOTES[name].at(f"127.0.0.1:{port}")))
