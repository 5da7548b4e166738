"""When the last runs of rate-limited keys started: one row per key, locked by whoever counts on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, bindparam, delete, select

from rota.rates import Starts
from store import dialects
from store.batches import BATCH, batches
from store.bulk import Bulk
from store.encoding import dumps, loads
from store.locks import hold
from store.records import Removed
from store.tables import rates

_read = select(rates.c.key, rates.c.starts, rates.c.until).where(rates.c.key.in_(bindparam("keys", expanding=True)))
_write = Bulk(dialects.upsert(rates, key=("key",), update=("starts", "until")))


def load(conn: Connection, keys: Iterable[str]) -> dict[str, Starts]:
    """Return the starts of these keys, none for a new one; nobody else counts on them until the transaction ends."""
    found = {key: Starts() for key in keys}
    hold(conn, (f"rate:{key}" for key in found))
    for batch in batches(found):
        for key, starts, until in conn.execute(_read, {"keys": batch}):
            found[key] = Starts(tuple(loads(starts)), until)
    return found


def save(conn: Connection, changed: Mapping[str, Starts]) -> None:
    """Write the starts of keys that `load` has returned."""
    rows = [{"key": key, "starts": dumps(starts.at), "until": starts.until} for key, starts in changed.items()]
    if rows:
        _write.execute(conn, rows)


def prune(conn: Connection, *, before: int, limit: int = BATCH) -> Removed:
    """Remove keys of which no start counts any more since this time."""
    old = select(rates.c.key).where(rates.c.until < before).limit(limit)
    # Asked twice: in PostgreSQL a row may have got a new start between the two.
    gone = conn.execute(delete(rates).where(rates.c.key.in_(old), rates.c.until < before)).rowcount
    return Removed(rows=gone, more=gone == limit)
