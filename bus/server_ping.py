"""Asks a Redis on a Unix socket whether it is ready, without the client library.

The process that starts the embedded server lives as long as the installation and does nothing else with Redis; the
library would be a third of its memory.
"""

from __future__ import annotations

import socket
from pathlib import Path

_TIMEOUT_SECONDS = 1.0


class NotReady(OSError):
    """Raised when the server answers, but not yet with data: it is loading, or refuses the password."""


def ping(path: Path, password: str) -> None:
    """Return when the server answers; OSError (NotReady where it answered something else) when it does not."""
    secret = password.encode()
    request = b"*2\r\n$4\r\nAUTH\r\n$%d\r\n%s\r\n*1\r\n$4\r\nPING\r\n" % (len(secret), secret)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_TIMEOUT_SECONDS)
        connection.connect(str(path))
        connection.sendall(request)
        answer = b""
        while answer.count(b"\r\n") < 2:
            received = connection.recv(1024)
            if not received:
                raise NotReady("the connection was closed")
            answer += received
    if answer != b"+OK\r\n+PONG\r\n":
        raise NotReady(answer.decode("utf-8", "replace").replace("\r\n", " ").strip())
