"""The console's listening socket: opened before anything else, so that a taken port is known at once."""

from __future__ import annotations

import errno
import socket

from console.exits import CommandFailed

_BACKLOG = 256
_TRIED = 50  # ports looked at before giving up
_LOOPBACK_OF = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - looked up, not bound


def open_listener(host: str, port: int, *, search: bool = False) -> socket.socket:
    """Return a listening socket; port 0 takes any free one, `search` the next free one when the port is taken."""
    last = min(port + _TRIED, 65_535) if search and port else port
    for candidate in range(port, last + 1):
        try:
            return _bind(host, candidate)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise CommandFailed(f"cannot listen on {host} port {candidate}: {error.strerror or error}") from error
    if search:
        raise CommandFailed(f"ports {port} to {last} on {host} are all taken: choose another with --port")
    raise CommandFailed(f"port {port} on {host} is taken by another program: choose another with --port (0 takes any)")


def address_of(listener: socket.socket) -> str:
    """Return the address at which a browser on this machine reaches the socket."""
    host, port = listener.getsockname()[:2]
    host = _LOOPBACK_OF.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _bind(host: str, port: int) -> socket.socket:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, address = found[0]
    # Only where the protocol is named does asyncio switch Nagle's algorithm off, which costs 40 ms an answer.
    listener = socket.socket(family, kind, protocol)
    try:
        # A console that was just stopped leaves connections behind that would keep its port for a minute.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener
