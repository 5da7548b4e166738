"""One statement for many rows, compiled once and handed to the driver as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.dml import UpdateBase

from store.batches import BATCH, batches

_Prepared = tuple[str, Callable[[Mapping[str, Any]], tuple[Any, ...]] | None]
"""The text of a statement, and what puts a row's values in its order; None where the driver goes by name."""


class Bulk:
    """A statement that hundreds of rows go through at a time.

    SQLAlchemy builds the parameters of each row anew, which takes as long as the driver needs to write it; here the
    rows go to the driver directly. So it is only for columns whose values need no conversion, which ours are, and all
    rows of a call have the same keys.
    """

    def __init__(self, statements: Mapping[str, UpdateBase] | UpdateBase) -> None:
        self._statements = statements
        self._compiled: dict[tuple[str, tuple[str, ...]], _Prepared] = {}

    def execute(self, conn: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
        """Run the statement for every row and return how many rows of the table it touched."""
        text, in_order = self._prepared(conn, tuple(rows[0]))
        parameters: Any = list(rows if in_order is None else map(in_order, rows))
        return conn.exec_driver_sql(text, parameters).rowcount

    def _prepared(self, conn: Connection, keys: tuple[str, ...]) -> _Prepared:
        name = conn.dialect.name
        known = self._compiled.get((name, keys))
        if known is None:
            statement = self._statements if isinstance(self._statements, UpdateBase) else self._statements[name]
            compiled: Any = statement.compile(dialect=conn.dialect, column_keys=list(keys))
            in_order = itemgetter(*compiled.positiontup) if compiled.positional else None
            known = self._compiled[name, keys] = (str(compiled), in_order)
        return known


class Lookup:
    """A question about many keys at a time, answered in the driver's own tuples.

    SQLAlchemy wraps each row that it gives, which takes as long as reading it. The text has `{value}` where a value
    goes, if there is one, and ends its condition with `{keys}`, as in `id {keys}`.
    """

    def __init__(self, text: str) -> None:
        self._text = text

    def rows(self, conn: Connection, keys: Iterable[Any], *values: Any) -> Iterator[tuple[Any, ...]]:
        """Ask for these keys, some hundreds at a time, and give what is found in any order."""
        for some in batches(keys, BATCH):
            if conn.dialect.name == "sqlite":
                text = self._text.format(value="?", keys=f"IN ({', '.join('?' * len(some))})")
                yield from _fetched(conn, text, (*values, *some))
            else:
                yield from _fetched(conn, self._text.format(value="%s", keys="= ANY(%s)"), (*values, some))


class PairLookup:
    """A question about many pairs of keys at a time, answered as by `Lookup`.

    The text has `{pairs}` where a query for them goes: `WITH wanted (a, b) AS ({pairs})`. `types` are PostgreSQL's.
    """

    def __init__(self, text: str, types: tuple[str, str]) -> None:
        self._sqlite = text
        arrays = ", ".join(f"%s::{each}[]" for each in types)
        self._postgresql = text.format(pairs=f"SELECT * FROM unnest({arrays})")  # noqa: S608 -- constants

    def rows(self, conn: Connection, pairs: Iterable[tuple[Any, Any]]) -> Iterator[tuple[Any, ...]]:
        """Ask for these pairs, some hundreds at a time, and give what is found in any order."""
        for some in batches(pairs, BATCH):
            if conn.dialect.name == "sqlite":
                text = self._sqlite.format(pairs="VALUES " + ", ".join(["(?, ?)"] * len(some)))
                yield from _fetched(conn, text, tuple(chain.from_iterable(some)))
            else:
                first, second = zip(*some, strict=True)
                yield from _fetched(conn, self._postgresql, (list(first), list(second)))


@contextmanager
def driver_of(conn: Connection) -> Iterator[Any]:
    """Hand out the driver's connection in SQLAlchemy's transaction; its errors come as SQLAlchemy's."""
    errors = conn.dialect.loaded_dbapi.Error
    try:
        yield conn.connection.driver_connection
    except errors as error:
        raise DBAPIError.instance(None, None, error, errors, hide_parameters=True, dialect=conn.dialect) from error


def _fetched(conn: Connection, text: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    with driver_of(conn) as driver:
        # Numbers and bytes come as they are, without a detour through text.
        cursor = driver.cursor() if conn.dialect.name == "sqlite" else driver.cursor(binary=True)
        try:
            found: list[tuple[Any, ...]] = cursor.execute(text, values).fetchall()
        finally:
            cursor.close()
    return found
