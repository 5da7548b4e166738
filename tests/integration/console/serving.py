"""The console on a real socket, with real parts, in a thread of the test's own process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field
from functools import cache
from socket import socket
from typing import Any, cast

import httpx
import uvicorn
from fastapi import FastAPI
from starlette.datastructures import State

from actors.registry import Registry, load_registry
from bus.connection import Bus
from console.api.app import create_app
from console.api.parts import Parts
from console.api.sign_in import new_token
from console.hit_checks import HitChecks
from console.listening import address_of, open_listener
from console.searching import Searching
from rota.clock import Clock, SystemClock
from rota.definitions import parse_definition
from rota.settings import Settings
from store.engine import Store
from store.queries import jobs, users
from store.records import UserRecord

_START_SECONDS = 60.0
_TLS = httpx.create_ssl_context()
"""One for all clients, which never use it: reading the certificates takes longer than most tests."""


@dataclass
class Console:
    """A running console; `as_(role)` gives a client with a token of that role."""

    url: str
    parts: Parts
    clients: list[httpx.Client] = field(default_factory=list)

    def anyone(self, **options: Any) -> httpx.Client:
        """A client that is not signed in."""
        client = httpx.Client(base_url=self.url, timeout=60, verify=_TLS, **options)
        self.clients.append(client)
        return client

    def as_(self, role: str, *, name: str = "") -> httpx.Client:
        """A client with a token of its own."""
        return self.anyone(headers={"Authorization": f"Bearer {self.token(role, name=name)}"})

    def token(self, role: str, *, name: str = "") -> str:
        """A token of a user, who is made if need be."""
        name = name or f"the-{role}"
        with self.parts.store.writing() as conn:
            users.save(conn, UserRecord(name=name, label=name, role=role, created_at=0))
        return new_token(self.parts, user=name, role=role, label="test", purpose="api")

    def define(self, **fields: Any) -> None:
        """Save a job; name what the test is about."""
        given = {"owner": "tester", "steps": [{"id": "one", "actor": "sleep", "with": {"seconds": 0}}], **fields}
        job = parse_definition(given, source="test", actors=self.parts.actors)
        with self.parts.store.writing() as conn:
            jobs.save(conn, job, author="tester", source="test", at=self.parts.clock.now_ms())


@contextmanager
def serving(settings: Settings, *, clock: Clock | None = None) -> Iterator[Console]:
    """Run a console with these settings."""
    assert settings.redis_url is not None
    store, bus = Store(settings.store_url), Bus(settings.redis_url, namespace=settings.redis_namespace)
    parts = Parts(
        store=store,
        bus=bus,
        actors=_registry(settings.actor_modules),
        clock=clock or SystemClock(),
        settings=settings,
        searching=Searching(store, settings.search_place),
        hit_checks=HitChecks(store, bus),
    )
    listener = open_listener("127.0.0.1", 0)
    config = uvicorn.Config(_application(parts), loop="asyncio", http="h11", ws="none", log_config=None, lifespan="on")
    server = _Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
    thread.start()
    console = Console(address_of(listener), parts)
    try:
        assert server.begun.wait(_START_SECONDS)
        yield console
    finally:
        for client in console.clients:
            client.close()
        server.stop()
        thread.join()
        listener.close()
        parts.hit_checks.close()
        parts.searching.close()
        parts.bus.close()
        parts.store.close()


class _Server(uvicorn.Server):
    """Begins and ends at once: uvicorn itself looks ten times a second whether it is to end, and then waits for more."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.begun = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end = asyncio.Event()

    def stop(self) -> None:
        """End, from another thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._end.set)

    async def startup(self, sockets: list[socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        self.begun.set()

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self._end.wait()

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        # They are gone in the loop's next round, unless something is being answered.
        await asyncio.sleep(0.001)
        await self._wait_tasks_to_complete()
        await self.lifespan.shutdown()


@cache
def _routes() -> FastAPI:
    return create_app(cast("Parts", None))


def _application(parts: Parts) -> FastAPI:
    # The routes are the same for all consoles, and making them takes longer than most tests.
    application = copy(_routes())
    application.state = State({"parts": parts})
    return application


@cache
def _registry(modules: tuple[str, ...]) -> Registry:
    # It is read-only, and looking through all packages that are installed takes long.
    return load_registry(modules)
