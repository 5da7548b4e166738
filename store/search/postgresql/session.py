"""The connection of a writer: it holds the lock that keeps others from writing, and goes away with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Connection

from rota.errors import PermanentError, StoreUnavailable, TemporaryError
from store.engine import Store, translated
from store.search.postgresql.sqlstates import NO_TABLE, sqlstate_of

# A machine that vanished without a word lets go within about 20 s; through a local socket the server hears it at once.
_KEEPALIVES = """
SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 3; SET tcp_keepalives_count = 3;
SET idle_session_timeout = 0
"""
_LOCK = "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))"


class Session:
    """A connection that is the only one to hold a name; once it is lost, so are the name and everything unfinished."""

    def __init__(self, store: Store, name: str) -> None:
        self._conn = store.take_connection()
        try:
            with self.transaction() as conn:
                conn.exec_driver_sql(_KEEPALIVES)
                _take(conn, name)
        except BaseException:
            self.close()
            raise

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Open a transaction; StoreUnavailable for good once the connection was lost."""
        if self._conn.closed or self._conn.invalidated:
            # Asked again, SQLAlchemy would connect anew: without the lock.
            raise StoreUnavailable("the connection that held the index was lost")
        try:
            with translated(), self._conn.begin():
                yield self._conn
        except PermanentError as error:
            if sqlstate_of(error) == NO_TABLE:
                raise TemporaryError("the generation was dropped while it was being written") from error
            raise

    def close(self) -> None:
        """Close the connection, and let go of the name."""
        if self._conn.closed:
            return
        # The server notices that a connection is gone a little later; somebody may want to write right now.
        with suppress(TemporaryError), self.transaction() as conn:
            conn.exec_driver_sql("SELECT pg_advisory_unlock_all()")
        with translated():
            self._conn.invalidate()
            self._conn.close()


def _take(conn: Connection, name: str) -> None:
    if not conn.exec_driver_sql(_LOCK, (name,)).scalar_one():
        raise TemporaryError(f"{name} is being written to by somebody else")
