"""Databases for the tests: both kinds, migrated once, and a fresh copy for each test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from store.engine import Store
from tests.postgres import PostgresServer
from tests.servers import start_postgres

_TEMPLATE = "rota_template"


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file that each test gets a copy of."""
    path = Path(tmp_path_factory.mktemp("sqlite")) / "template.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL for all tests of this process, with a migrated template database."""
    with start_postgres() as server:
        execute(server, f"CREATE DATABASE {_TEMPLATE}")
        _migrate(server.url_of(_TEMPLATE))
        yield server


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """The address of a fresh and migrated SQLite database."""
    path = tmp_path / "rota.db"
    shutil.copyfile(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The address of a fresh and migrated PostgreSQL database."""
    name = f"test_{uuid4().hex}"
    # By copying files, which takes a third of the time of writing all of them into the log as well.
    execute(postgres_server, f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE} STRATEGY FILE_COPY")
    yield postgres_server.url_of(name)
    execute(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The address of a fresh and migrated database of either kind."""
    name = "sqlite_url" if request.param == "sqlite" else "postgres_url"
    url: str = request.getfixturevalue(name)
    return url


def _migrate(url: str) -> None:
    store = Store(url)
    store.upgrade()
    store.close()


def execute(server: PostgresServer, statement: str) -> None:
    """Run a statement that no transaction may hold, such as CREATE DATABASE."""
    with psycopg.connect(server.url.replace("+psycopg", ""), autocommit=True) as conn:
        conn.execute(statement)
