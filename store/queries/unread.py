"""Files that gave no text, with the reason: they are found by name, and tried again when they change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sqlalchemy
from sqlalchemy import BindParameter, Connection, RowMapping, bindparam, func, select

from store import dialects
from store.batches import BATCH, batches
from store.cursors import decode_number_cursor, encode_cursor, page_limit
from store.records import Page, UnreadRecord
from store.tables import unread

_ids: BindParameter[list[int]] = bindparam("ids", expanding=True)
_put = dialects.upsert(unread, key=("datasource", "document"), update=("path", "reason", "message", "at", "run"))
_remove = sqlalchemy.delete(unread).where(
    unread.c.datasource == bindparam("of_datasource"), unread.c.document.in_(_ids)
)
_counts = select(unread.c.datasource, func.count()).group_by(unread.c.datasource)


def put(conn: Connection, datasource: str, found: Sequence[UnreadRecord]) -> None:
    """Remember files that gave no text, or why they gave none this time."""
    rows = [
        {
            "datasource": datasource,
            "document": each.document,
            "path": each.path,
            "reason": each.reason,
            "message": each.message,
            "at": each.at,
            "run": each.run,
        }
        for each in found
    ]
    if rows:
        conn.execute(_put[conn.dialect.name], rows)


def remove(conn: Connection, datasource: str, documents: Iterable[int]) -> None:
    """Forget documents that are gone, or gave their text by now; nothing happens for others."""
    for some in batches(documents, BATCH):
        conn.execute(_remove, {"of_datasource": datasource, "ids": some})


def clear(conn: Connection, datasource: str) -> None:
    """Forget all of a datasource."""
    conn.execute(sqlalchemy.delete(unread).where(unread.c.datasource == datasource))


def count(conn: Connection, datasource: str) -> int:
    """Return how many files of a datasource gave no text."""
    return conn.scalar(select(func.count()).where(unread.c.datasource == datasource)) or 0


def counts(conn: Connection) -> dict[str, int]:
    """Return how many files gave no text, by datasource; those without any are left out."""
    return {row[0]: row[1] for row in conn.execute(_counts)}


def list_unread(
    conn: Connection, datasource: str, *, cursor: str | None = None, limit: int = 100
) -> Page[UnreadRecord]:
    """Return a page of the files that gave no text, in the order of their documents' ids."""
    query = select(unread).where(unread.c.datasource == datasource)
    if cursor is not None:
        query = query.where(unread.c.document > decode_number_cursor(cursor))
    most = page_limit(limit)
    found = [_record(row) for row in conn.execute(query.order_by(unread.c.document).limit(most + 1)).mappings()]
    following = encode_cursor(found[most - 1].document) if len(found) > most else None
    return Page(items=found[:most], next=following)


def _record(row: RowMapping) -> UnreadRecord:
    return UnreadRecord(
        document=row["document"],
        path=row["path"],
        reason=row["reason"],
        message=row["message"],
        at=row["at"],
        run=row["run"],
    )
