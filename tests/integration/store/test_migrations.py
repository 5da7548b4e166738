"""The migrations make what the models say, whoever runs them and how many at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from rota.errors import Refused
from store.engine import Store
from store.migrations import HEAD
from store.schema import alembic_config, current_revision
from store.tables import metadata
from tests.integration.conftest import execute
from tests.postgres import PostgresServer


def _structure(conn: Connection) -> dict[str, Any]:
    """Describe all tables as the database has them."""
    inspector = inspect(conn)
    kinds = ("columns", "pk_constraint", "foreign_keys", "unique_constraints", "check_constraints", "indexes")
    return {
        table: {kind: _sorted(getattr(inspector, f"get_{kind}")(table)) for kind in kinds}
        for table in inspector.get_table_names()
        if table != "alembic_version"
    }


def _sorted(found: Any) -> list[str]:
    return sorted(map(_words, found)) if isinstance(found, list) else [_words(found)]


def _words(found: dict[str, Any]) -> str:
    # Conditions of partial indexes are objects that are only equal to themselves.
    options = {name: str(value) for name, value in found.get("dialect_options", {}).items()}
    return repr(found | {"dialect_options": options})


def test_models_and_migrations_agree(store: Store) -> None:
    with store.writing() as conn:
        assert compare_metadata(MigrationContext.configure(conn, opts={"compare_type": True}), metadata) == []
        migrated = _structure(conn)
        metadata.drop_all(conn)
        metadata.create_all(conn)
        assert _structure(conn) == migrated


def test_the_known_head_is_the_newest_revision(store: Store) -> None:
    with store.reading() as conn:
        assert ScriptDirectory.from_config(alembic_config(conn)).get_current_head() == HEAD
        assert current_revision(conn) == HEAD


def test_every_constraint_has_a_name() -> None:
    for table in metadata.tables.values():
        assert all(constraint.name for constraint in table.constraints), table.name
        assert all(index.name for index in table.indexes), table.name
        assert all(column.comment for column in table.columns), table.name


def test_upgrade_is_safe_to_repeat(store: Store) -> None:
    store.upgrade()
    store.ping()


def test_the_first_migration_goes_back(store: Store) -> None:
    with store.writing() as conn:
        command.downgrade(alembic_config(conn), "base")
        assert _structure(conn) == {}

    store.upgrade()


def test_a_newer_database_is_refused(store: Store) -> None:
    with store.writing() as conn:
        conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(Refused, match="a newer one"):
        store.upgrade()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/empty.db"
    server: PostgresServer = request.getfixturevalue("postgres_server")
    name = f"empty_{uuid4().hex}"
    execute(server, f"CREATE DATABASE {name}")
    return server.url_of(name)


def test_processes_that_start_at_once_upgrade_once(empty_url: str) -> None:
    program = f"from store.engine import Store; Store({empty_url!r}).upgrade()"

    starting = [subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE) for _ in range(5)]
    said = [process.communicate(timeout=60)[1].decode() for process in starting]

    assert [process.returncode for process in starting] == [0] * 5, said
    store = Store(empty_url)
    with store.reading() as conn:
        assert current_revision(conn) == HEAD
        assert conn.execute(text("SELECT count(*) FROM revision")).scalar() == 1
    store.close()
