"""The tables brought to their newest form, by the migrations that ship with the package."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection, text

from rota.errors import Refused
from store.migrations import HEAD

if TYPE_CHECKING:
    from alembic.config import Config

    from store.engine import Store

# The number is ours alone in the database: whoever holds this lock upgrades, the others wait and find it done.
_ADVISORY_LOCK = 7_682_001


def upgrade(store: Store) -> None:
    """Run the migrations that are missing; Refused if the database is of a newer version than this program.

    All of them run in one transaction, so a failure leaves the old form. Processes that start at once take turns: in
    PostgreSQL by an advisory lock, in SQLite because the transaction begins as a writing one.
    """
    with store.reading() as conn:
        if current_revision(conn) == HEAD:
            return
    with store.writing() as conn:
        _wait_for_turn(conn)
        if current_revision(conn) == HEAD:
            return
        _run_missing(conn)


def current_revision(conn: Connection) -> str | None:
    """Return the revision of the tables, None for an empty database."""
    query = {
        "sqlite": "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'alembic_version'",
        "postgresql": "SELECT count(to_regclass('alembic_version'))",
    }[conn.dialect.name]
    if conn.execute(text(query)).scalar() == 0:
        return None
    revision: str | None = conn.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return revision


def alembic_config(conn: Connection) -> Config:
    """Make the configuration that runs the packaged migrations on this connection."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "store:migrations")
    config.attributes["connection"] = conn
    return config


def _wait_for_turn(conn: Connection) -> None:
    if conn.dialect.name != "postgresql":
        return
    # Another process may be upgrading a large database: wait for it longer than for any other lock.
    conn.execute(text("SET LOCAL statement_timeout = '600s'"))
    conn.execute(text("SET LOCAL lock_timeout = '600s'"))
    conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})


def _run_missing(conn: Connection) -> None:
    from alembic import command
    from alembic.util import CommandError

    try:
        command.upgrade(alembic_config(conn), "head")
    except CommandError as error:
        raise Refused(
            f"this version of Rota does not know the database's tables, a newer one made them: {error}"
        ) from error
