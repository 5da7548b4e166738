"""The console as a process: its parts built, served until a signal, closed.

It holds no state of its own. What it prints at the start is the address and a link that signs the first browser in.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn

from actors.registry import load_registry
from console.api.app import create_app
from console.api.parts import Parts
from console.api.sign_in import ADMIN, ensure_admin, new_code, replace_token
from console.connection import FILE_NAME, Connection, write_connection
from console.exits import ExitCode
from console.hit_checks import HitChecks
from console.listening import address_of, open_listener
from console.opening import open_bus, open_store
from console.searching import Searching
from rota.clock import SystemClock
from rota.logs import configure_logs
from rota.memory import settle
from rota.settings import Settings

if TYPE_CHECKING:
    from fastapi import FastAPI

_GRACE_SECONDS = 4
_KEEP_ALIVE_SECONDS = 20
_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def run(settings: Settings, *, handle: int | None = None, announce: bool = False) -> int:
    """Serve until a signal says stop, and return the exit code.

    `handle` is an inherited listening socket; without one the settings' host and port are taken. `announce` writes the
    address and a token into the state folder, where the command line finds them.
    """
    configure_logs(settings.log_format, settings.log_level)
    with _listener(settings, handle) as listener:
        parts = build_parts(settings)
        try:
            parts.store.upgrade()
            _tell(parts, address_of(listener), announce=announce)
            serve(create_app(parts), listener)
        finally:
            parts.hit_checks.close()
            parts.searching.close()
            parts.bus.close()
            parts.store.close()
    return ExitCode.OK


def build_parts(settings: Settings) -> Parts:
    """Open what the console works with; a Redis that is away is no reason not to start."""
    store, bus = open_store(settings), open_bus(settings)
    return Parts(
        store=store,
        bus=bus,
        actors=load_registry(settings.actor_modules),
        clock=SystemClock(),
        settings=settings,
        searching=Searching(store, settings.search_place),
        hit_checks=HitChecks(store, bus),
    )


def serve(app: FastAPI, listener: socket.socket) -> None:
    """Serve an application on a listening socket until a signal says stop; open requests get a few seconds then."""
    config = uvicorn.Config(
        app,
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=True,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    server = _Server(config)
    settle()
    asyncio.run(server.serve(sockets=[listener]))


class _Server(uvicorn.Server):
    """uvicorn's server, which after a signal ends like a program that did its work, not like one that was killed."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Let signals end the server while it runs."""
        before = {number: signal.signal(number, self.handle_exit) for number in _STOPS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _listener(settings: Settings, handle: int | None) -> socket.socket:
    if handle is not None:
        return socket.socket(fileno=handle)
    return open_listener(settings.host, settings.port)


def _tell(parts: Parts, url: str, *, announce: bool) -> None:
    ensure_admin(parts)
    if announce:
        token = replace_token(parts, label=f"command line on {socket.gethostname()}")
        write_connection(parts.settings.state_dir / FILE_NAME, Connection(url=url, token=token))
    code = new_code(parts, user=ADMIN, role="admin")
    print(f"{'sign in':<10} {url}/login?code={code} (works once, within the hour)", flush=True)
    if parts.settings.host not in _LOOPBACK:
        print("The console is reachable from other machines: put HTTPS in front of it.", file=sys.stderr, flush=True)
