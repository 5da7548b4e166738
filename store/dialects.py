"""How connections of each database are set up, and the few statements that the two of them say differently."""

from __future__ import annotations

import sqlite3
import time
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import Insert
from sqlalchemy.sql.schema import Table

_BUSY_MS = 5000
_WAL_SECONDS = 5.0

POSTGRESQL_CONNECT_ARGS: dict[str, Any] = {
    "connect_timeout": 2,
    "application_name": "rota",
    # A statement of ours takes milliseconds: what takes longer than this is stuck, and the caller has to know. A client
    # that vanished inside a transaction must not keep its locks.
    "options": "-c statement_timeout=5000 -c lock_timeout=2000 -c idle_in_transaction_session_timeout=30000",
    # A server that vanished without a word is noticed within about 20 s.
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
}


def prepare_sqlite(engine: Engine) -> None:
    """Set up each new connection, and let transactions that write begin as such.

    A transaction that begins as a reader and then writes fails at once when somebody wrote in between, busy timeout or
    not; BEGIN IMMEDIATE waits its turn.
    """
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)


def _on_connect(connection: sqlite3.Connection, _record: object) -> None:
    # The driver's own idea of when to begin a transaction is off: we say it.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
    _use_wal(cursor)
    # In WAL mode NORMAL never corrupts the file and survives any crash of ours. A power cut may lose the last moments:
    # the runs concerned are then as they were before them, and the sweeper sends them again.
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA temp_store = MEMORY")
    cursor.execute("PRAGMA cache_size = -16000")
    # A checkpoint waits for the disk. In a burst it comes after 32 MB instead of 4: a tenth more ticks a second.
    cursor.execute("PRAGMA wal_autocheckpoint = 8000")
    # After a burst the log file shrinks again.
    cursor.execute("PRAGMA journal_size_limit = 67108864")
    cursor.close()


def _use_wal(cursor: sqlite3.Cursor) -> None:
    # The switch needs the file for itself and does not wait for it: several processes may start at once.
    deadline = time.monotonic() + _WAL_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def _on_begin(conn: Connection) -> None:
    writing = conn.get_execution_options().get("writing", False)
    conn.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def insert_new(table: Table) -> dict[str, Insert]:
    """Make, per dialect, the insertion that passes over rows which are there already; its rowcount is what went in."""
    return {
        "sqlite": _counted(sqlite.insert(table).on_conflict_do_nothing()),
        "postgresql": _counted(postgresql.insert(table).on_conflict_do_nothing()),
    }


def upsert(table: Table, *, key: tuple[str, ...], update: tuple[str, ...]) -> dict[str, Insert]:
    """Make, per dialect, the insertion that updates these columns of a row which is there already."""
    in_sqlite = sqlite.insert(table)
    in_postgresql = postgresql.insert(table)
    return {
        "sqlite": _counted(
            in_sqlite.on_conflict_do_update(
                index_elements=key, set_={name: in_sqlite.excluded[name] for name in update}
            )
        ),
        "postgresql": _counted(
            in_postgresql.on_conflict_do_update(
                index_elements=key, set_={name: in_postgresql.excluded[name] for name in update}
            )
        ),
    }


def _counted(statement: Insert) -> Insert:
    # Without this the count is not kept for tables whose key the database gives.
    return statement.execution_options(preserve_rowcount=True)
