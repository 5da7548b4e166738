"""One statement for many rows, compiled once and handed to the driver as it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.sql.dml import UpdateBase

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
