"""Datasources of every remote kind whose server is a plain socket that does what a test says."""

from __future__ import annotations

import base64
import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from itertools import takewhile
from typing import Any, NamedTuple

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from actors.datasources.storage import Datasource
from rota.datasources import Rules

SECRET = "Hush7hush8hush9"
FORMS = (SECRET, base64.b64encode(SECRET.encode()).decode(), base64.b64encode(f"me:{SECRET}".encode()).decode())
"""What must not be found where a secret must not be."""

Behaviour = Callable[[socket.socket, threading.Event], None]
"""What a server does with a connection until the event at the test's end; it is closed afterwards."""


class Remote(NamedTuple):
    """How a datasource of a kind is defined; `{at}` stands for host and port."""

    kind: str
    root: str
    options: Mapping[str, Any]

    def at(self, place: str, *, allow_private: bool = True, **options: Any) -> Datasource:
        """Give the datasource at a host and port."""

        def filled(value: Any) -> Any:
            if isinstance(value, Mapping):
                return {name: filled(inner) for name, inner in value.items()}
            return value.replace("{at}", place) if isinstance(value, str) else value

        return Datasource(
            name="files",
            kind=self.kind,
            root=filled(self.root),
            options={"timeout_seconds": 1, "retries": 0, **filled(self.options), **options},
            rules=Rules(allow_private=allow_private),
        )


_S3 = {"endpoint": "http://{at}", "access_key_id": "env:F_ID", "secret_access_key": "env:F_SECRET"}
_AZURE = {"account": "account", "endpoint": "http://{at}"}
_SFTP = {"any_host_key": True}
REMOTES = {
    "s3": Remote("s3", "s3://bucket", _S3),
    "s3-token": Remote("s3", "s3://bucket", {**_S3, "session_token": "env:F_SECRET"}),
    "gcs": Remote("gcs", "gs://bucket", {"endpoint": "http://{at}", "service_account_key": "env:F_ACCOUNT"}),
    "azure": Remote("azure", "az://container", {**_AZURE, "access_key": "env:F_KEY"}),
    "azure-sas": Remote("azure", "az://container", {**_AZURE, "sas_token": "env:F_SAS"}),
    "sftp": Remote("sftp", "sftp://me@{at}/files", {**_SFTP, "password": "env:F_SECRET"}),
    "sftp-key": Remote("sftp", "sftp://me@{at}/files", {**_SFTP, "private_key": "env:F_PEM"}),
    "webdav": Remote("webdav", "http://{at}/files", {"username": "me", "password": "env:F_SECRET"}),
    "webdav-token": Remote("webdav", "http://{at}/files", {"token": "env:F_SECRET"}),
    "fsspec": Remote("fsspec", "ftp://me@{at}/files", {"storage_options": {"password": "env:F_SECRET"}}),
}


def environment(port: int) -> dict[str, str]:
    """Give the variables that the datasources refer to; tokens for Google are asked for at this port."""
    account = {"client_email": "me", "private_key": _pem(), "token_uri": f"http://127.0.0.1:{port}/token"}
    return {
        "F_ID": "AKIAME",
        "F_SECRET": SECRET,
        "F_KEY": base64.b64encode(SECRET.encode()).decode(),
        "F_SAS": f"sv=2023-11-03&sig={SECRET}",
        "F_PEM": _pem(),
        "F_ACCOUNT": json.dumps(account),
    }


def shows_a_secret(text: str) -> bool:
    """Say whether a text has a secret in it, or a line of the private key."""
    return any(form in text for form in (*FORMS, *_pem().splitlines()[1:4]))


@cache
def _pem() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


@contextmanager
def listening(behave: Behaviour) -> Iterator[int]:
    """Serve each connection in a thread of its own until the end of the block; gives the port."""
    connections: list[socket.socket] = []
    threads: list[threading.Thread] = []
    done = threading.Event()

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            behave(connection, done)

    def accept(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connections.append(listener.accept()[0])
                threads.append(threading.Thread(target=serve, args=connections[-1:]))
                threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepting = threading.Thread(target=accept, args=(listener,))
        accepting.start()
        try:
            yield listener.getsockname()[1]
        finally:
            done.set()
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            accepting.join()
            for connection in connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()


def hear(connection: socket.socket) -> None:
    """Read a request to its end: of a connection that is closed with something unread, the answer may be lost."""
    with connection.makefile("rb") as request:
        lines = takewhile(bytes.strip, iter(request.readline, b""))
        lengths = [line.partition(b":")[2] for line in lines if line.lower().startswith(b"content-length:")]
        request.read(int(lengths[0]) if lengths else 0)


def silent(_connection: socket.socket, done: threading.Event) -> None:
    """Take the connection, and never read nor answer."""
    done.wait()


def echo(connection: socket.socket, _done: threading.Event) -> None:
    """Send back whatever comes."""
    while said := connection.recv(65_536):
        connection.sendall(said)


def stalling(connection: socket.socket, done: threading.Event) -> None:
    """Begin a success, and never end it."""
    connection.recv(65_536)
    connection.sendall(b"HTTP/1.1 207 OK\r\ncontent-length: 1000\r\n\r\n<?xml")
    done.wait()


def repeating(status: int) -> Behaviour:
    """Refuse every request with this status and all that was asked, wherever there is room for it."""

    def answer(connection: socket.socket, _done: threading.Event) -> None:
        asked = b""
        while b"\r\n\r\n" not in asked:
            asked += (came := connection.recv(65_536))
            if not came:
                return
        line, *headers = asked.partition(b"\r\n\r\n")[0].split(b"\r\n")
        told = [b"location: " + line.split(b" ")[1], *(b"x-was-" + header for header in headers)]
        told += [b"content-length: %d" % len(asked), b"connection: close", b"", asked]
        connection.sendall(b"\r\n".join([b"HTTP/1.1 %d %s" % (status, headers[-1]), *told]))
        while connection.recv(65_536):
            pass

    return answer


def greeting(connection: socket.socket, _done: threading.Event) -> None:
    """Be an FTP server that repeats what it refuses."""
    connection.sendall(b"220 Welcome\r\n")
    while asked := connection.recv(65_536):
        connection.sendall(b"331 Go on\r\n" if asked.startswith(b"USER") else b"530 Not " + asked)
