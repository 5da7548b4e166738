"""Hosts that are not public ones are refused before anything is connected to, however they are written."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from actors.datasources.opening import open_storage
from rota.errors import PermanentError, TemporaryError
from tests.storages.faulty import REMOTES, Remote, environment

NAMES = {
    "inside.test": ["127.0.0.1"],
    "metadata.test": ["169.254.169.254"],
    "half.test": ["8.8.8.8", "10.0.0.1"],
    "six.test": ["2606:4700:4700::1111", "::1"],
}
HOSTS = [
    *NAMES,
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "0",
    "0.0.0.0",  # noqa: S104
    "10.0.0.1",
    "172.16.0.1",
    "192.168.0.1",
    "100.64.0.1",
    "169.254.169.254",
    "[::1]",
    "[::]",
    "[::127.0.0.1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:a9fe:a9fe]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "[fe80::1]",
    "[fd00::1]",
    "localhost",
    "localhost.",
    "8.8.8.8@127.0.0.1",
    "8.8.8.8%2f@127.0.0.1",
    "8.8.8.8\\@127.0.0.1",
]
SAFE = {
    "fsspec": Remote("fsspec", "ftp://me@{at}/files", {"storage_options": {"password": "env:F_SECRET", "tls": True}}),
    "fsspec-web": Remote("fsspec", "webhdfs://{at}/files", {}),
    **{name: REMOTES[name] for name in ("s3", "gcs", "azure", "sftp", "webdav")},
}


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """The addresses that were connected to."""
    found: list[Any] = []
    real = socket.getaddrinfo

    def refuse(_socket: socket.socket, address: Any) -> None:
        found.append(address)
        raise ConnectionRefusedError

    def resolve(host: Any, port: Any, *arguments: Any, **named: Any) -> Any:
        places = NAMES.get(host, [host])
        return [answer for place in places for answer in real(place, port, *arguments, **named)]

    for name, value in environment(443).items():
        monkeypatch.setenv(name, value)
    with monkeypatch.context() as patch:
        patch.setattr(socket.socket, "connect", refuse)
        patch.setattr(socket, "getaddrinfo", resolve)
        yield found


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("name", SAFE)
def test_a_host_that_is_not_public_is_not_connected_to(name: str, host: str, connected: list[Any]) -> None:
    with pytest.raises(PermanentError):
        verify(name, host)

    assert connected == []


@pytest.mark.parametrize("name", ["s3", "azure", "sftp", "webdav", "fsspec"])
def test_a_public_one_is(name: str, connected: list[Any]) -> None:
    with pytest.raises(TemporaryError):
        verify(name, "8.8.8.8")

    assert {address[0] for address in connected} == {"8.8.8.8"}


def verify(name: str, host: str) -> None:
    remote = SAFE[name]
    options = {key: str(value).replace("http:", "https:") for key, value in remote.options.items() if key == "endpoint"}
    root = remote.root.replace("http:", "https:")
    datasource = remote._replace(root=root, options={**remote.options, **options}).at(host, allow_private=False)
    with closing(open_storage(datasource)) as storage:
        storage.verify()
