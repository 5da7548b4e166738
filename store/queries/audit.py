"""The audit: who did what. Deeds are added and go by age, nothing changes them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, RowMapping, insert, select

from store.cursors import decode_number_cursor, encode_cursor, page_limit
from store.encoding import dumps, loads
from store.records import Deed, Page
from store.tables import audit


def add(conn: Connection, deeds: Sequence[Deed]) -> None:
    """Add deeds, in the transaction that does them."""
    if deeds:
        rows = [
            {
                "at": deed.at,
                "who": deed.who,
                "action": deed.action,
                "target": deed.target,
                "address": deed.address,
                "detail": dumps(deed.detail),
            }
            for deed in deeds
        ]
        conn.execute(insert(audit), rows)


def list_deeds(
    conn: Connection,
    *,
    target: str | None = None,
    who: str | None = None,
    cursor: str | None = None,
    limit: int = 100,
) -> Page[Deed]:
    """Return a page of deeds, newest first."""
    query = select(audit)
    if target is not None:
        query = query.where(audit.c.target == target)
    if who is not None:
        query = query.where(audit.c.who == who)
    if cursor is not None:
        query = query.where(audit.c.seq < decode_number_cursor(cursor))
    count = page_limit(limit)
    rows = conn.execute(query.order_by(audit.c.seq.desc()).limit(count + 1)).mappings()
    found = [_record(row) for row in rows]
    return Page(items=found[:count], next=encode_cursor(found[count - 1].seq) if len(found) > count else None)


def _record(row: RowMapping) -> Deed:
    return Deed(
        seq=row["seq"],
        at=row["at"],
        who=row["who"],
        action=row["action"],
        target=row["target"],
        address=row["address"],
        detail=loads(row["detail"]),
    )
