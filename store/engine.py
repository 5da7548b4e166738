"""The one way to the database: transactions to read in, transactions to write in, and our errors only.

SQLite serves one machine. Its writers take turns, so within a process they queue at a lock (which wakes them at once)
and only processes meet at the file's lock (which they poll). PostgreSQL serves several machines; there every wait is
bounded on the server.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, make_url
from sqlalchemy import exc as sa

from rota.clock import Clock, SystemClock
from rota.errors import Conflict, PermanentError, Refused, StoreUnavailable
from store import dialects

# Who writes transactions names what they are handed out, without importing SQLAlchemy for it.
__all__ = ["Connection", "Store"]

Answer = TypeVar("Answer")

# Together with SQLite's own wait: longer than any batch takes, short enough to tell a stuck process from a busy one.
_LOCK_SECONDS = 10.0
_POOL_SECONDS = 5.0
_WRITE_TRIES = 3
# Serialization failure, deadlock, lock not available: the transaction was rolled back and may work as it is.
_RETRIED_STATES = frozenset({"40001", "40P01", "55P03"})


class Store:
    """What is remembered. Thread-safe; make one per process, after forking.

    Both context managers hand out a connection in a transaction that ends with the block. Inside them and in `write`,
    StoreUnavailable is raised when the database is away, full or locked too long; Conflict when a constraint refuses
    the change; PermanentError when the statement itself is wrong.
    """

    def __init__(self, url: str, *, clock: Clock | None = None) -> None:
        self.clock: Clock = clock or SystemClock()
        self._url = _supported(url)
        self.dialect: str = self._url.get_backend_name()
        self._engine = self._create_engine()
        self._writing = self._engine.execution_options(writing=True)
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<Store {self._url.render_as_string(hide_password=True)}>"

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a transaction that only reads: one consistent view in SQLite, read committed in PostgreSQL."""
        with translated(), self._engine.connect() as conn, conn.begin():
            yield conn

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a transaction that writes; it is committed unless the block raises. Not to be nested."""
        if self.dialect != "sqlite":
            with translated(), self._writing.connect() as conn, conn.begin():
                yield conn
            return
        if not self._lock.acquire(timeout=_LOCK_SECONDS):
            raise StoreUnavailable(f"another thread has been writing for {_LOCK_SECONDS:g} s")
        try:
            with translated(), self._writing.connect() as conn, conn.begin():
                yield conn
        finally:
            self._lock.release()

    def write(self, change: Callable[[Connection], Answer]) -> Answer:
        """Run `change(conn)` in a writing transaction, again when PostgreSQL broke a deadlock with it.

        The function may run up to three times, so whatever it does besides writing must bear that.
        """
        for tries_left in reversed(range(_WRITE_TRIES)):
            try:
                with self.writing() as conn:
                    return change(conn)
            except StoreUnavailable as error:
                if tries_left == 0 or not _worth_repeating(error):
                    raise
        raise AssertionError("the last try returns or raises")

    def take_connection(self) -> Connection:
        """Take a connection for longer than a transaction, for locks and temporary tables.

        Whoever takes it uses it within `translated`, and invalidates it before closing it: nobody may get it later with
        what was left in it.
        """
        with translated():
            return self._writing.connect()

    def ping(self) -> None:
        """Ask the database for a sign of life; StoreUnavailable if there is none."""
        with self.reading() as conn:
            conn.exec_driver_sql("SELECT 1")

    def checkpoint(self) -> None:
        """Carry what was written from SQLite's log over into its file; PostgreSQL does so by itself.

        It holds up nobody. Whoever calls it about once a second saves the writers from doing it in the middle of their
        work, which takes hundreds of milliseconds where much is written all over a large file.
        """
        if self.dialect != "sqlite":
            return
        with translated():
            connection = self._engine.raw_connection()
            try:
                connection.cursor().execute("PRAGMA wal_checkpoint(PASSIVE)")
            finally:
                connection.close()

    def server_time(self) -> int | None:
        """Return the database server's clock (ms); None for SQLite, which has no other than this machine's."""
        if self.dialect == "sqlite":
            return None
        with self.reading() as conn:
            clock = conn.exec_driver_sql("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")
            return int(clock.scalar_one())

    def upgrade(self) -> None:
        """Bring the tables to the newest form; safe when several processes start at once."""
        from store.schema import upgrade

        upgrade(self)

    def close(self) -> None:
        """Close all connections. Safe to call twice; a closed store opens again when it is used."""
        self._engine.dispose()

    def _create_engine(self) -> Engine:
        if self.dialect == "sqlite":
            # Readers never wait for each other, so the pool grows with the threads.
            engine = create_engine(
                self._url, hide_parameters=True, pool_size=16, max_overflow=48, pool_timeout=_POOL_SECONDS
            )
            dialects.prepare_sqlite(engine)
            return engine
        return create_engine(
            self._url,
            hide_parameters=True,
            pool_size=8,
            max_overflow=24,
            pool_timeout=_POOL_SECONDS,
            pool_pre_ping=True,
            connect_args=dialects.POSTGRESQL_CONNECT_ARGS,
        )


def _supported(url: str) -> URL:
    try:
        parsed = make_url(url)
    except sa.ArgumentError as error:
        raise Refused("the database address is not a URL such as sqlite:////var/lib/rota/rota.db") from error
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        if parsed.database in (None, "", ":memory:"):
            raise Refused("SQLite needs a file: every process and thread has a connection of its own")
        return parsed.set(drivername="sqlite")
    if backend in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    raise Refused(f"databases are sqlite and postgresql, not {backend}")


@contextmanager
def translated() -> Iterator[None]:
    """Turn the driver's errors into ours, with theirs as the cause."""
    try:
        yield
    except sa.IntegrityError as error:
        raise Conflict(_said(error)) from error
    except (sa.OperationalError, sa.InterfaceError, sa.InternalError) as error:
        raise StoreUnavailable(_said(error)) from error
    except sa.TimeoutError as error:
        raise StoreUnavailable(f"no free database connection within {_POOL_SECONDS:g} s") from error
    except sa.SQLAlchemyError as error:
        raise PermanentError(f"the database refused a statement: {error}") from error


def _said(error: sa.DBAPIError) -> str:
    # PostgreSQL adds the whole row, which may hold what nobody should read in a log.
    diagnosis = getattr(error.orig, "diag", None)
    return getattr(diagnosis, "message_primary", None) or str(error.orig)


def _worth_repeating(error: StoreUnavailable) -> bool:
    cause = error.__cause__
    return isinstance(cause, sa.DBAPIError) and getattr(cause.orig, "sqlstate", None) in _RETRIED_STATES
