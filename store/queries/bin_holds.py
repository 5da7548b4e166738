"""Items of the bins that must stay, whatever the rules say, because somebody has said why."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, update

from rota.errors import Refused
from store.batches import batches
from store.queries import bin_items
from store.tables import recycled

_AT_ONCE = 100


def hold(conn: Connection, datasource: str, items: Sequence[str], reason: str) -> list[str]:
    """Keep these items from every purge, for this reason, and return those of which that is new.

    All or none: NotFound if one is not there, Refused if one is just being taken out.
    """
    return _set(conn, datasource, items, reason)


def release(conn: Connection, datasource: str, items: Sequence[str]) -> list[str]:
    """Let these items go when their time comes, and return those that were held; errors are those of `hold`."""
    return _set(conn, datasource, items, None)


def _set(conn: Connection, datasource: str, items: Sequence[str], reason: str | None) -> list[str]:
    known = bin_items.find(conn, datasource, list(dict.fromkeys(items)))
    changing = [record for record in known if record.hold != reason]
    for some in batches([record.id for record in changing], _AT_ONCE):
        # Asked in the same statement: a purge may have claimed one since it was read.
        free = update(recycled).where(recycled.c.id.in_(some), recycled.c.claimed_by.is_(None))
        if conn.execute(free.values(hold=reason)).rowcount < len(some):
            raise Refused("some of these items are just being taken out of the bin; look at it again")
    return [bin_items.item_of(record.bin_path) for record in changing]
