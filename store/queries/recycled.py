"""What is in the bins: since when, from where, by whom."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, insert

from store.records import RecycledRecord
from store.tables import recycled


def add(conn: Connection, datasource: str, items: Sequence[RecycledRecord]) -> None:
    """Add items that went into the bin of a datasource."""
    rows = [{"datasource": datasource, **msgspec.structs.asdict(item)} for item in items]
    for row in rows:
        del row["id"]
    if rows:
        conn.execute(insert(recycled), rows)
