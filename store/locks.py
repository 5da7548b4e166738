"""Names that are locked until a transaction ends: who decides by what it has read keeps others from deciding the same.

Taken before the reading, in one call for all names and in their order, so that two such calls cannot deadlock. In
SQLite there is nothing to take: a writing transaction has the whole database for itself.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, text

# 64 bits of a digest of the name. Two names that share them would only wait for each other.
_hold = text(
    "SELECT count(pg_advisory_xact_lock(hashtextextended(name, 0))) FROM unnest(CAST(:names AS text[])) AS name"
)


def hold(conn: Connection, names: Iterable[str]) -> None:
    """Lock these names until the transaction ends; waits for whoever holds one of them."""
    if conn.dialect.name == "postgresql" and (wanted := sorted(set(names))):
        conn.execute(_hold, {"names": wanted})
