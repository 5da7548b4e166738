"""The log of a run."""

from __future__ import annotations

from sqlalchemy import Connection, select

from store.cursors import page_limit
from store.patterns import contains
from store.records import LogRecord, Page
from store.tables import LEVELS, log_lines


def log(
    conn: Connection,
    run_id: str,
    *,
    level: str | None = None,
    q: str | None = None,
    after: int = 0,
    limit: int = 500,
) -> Page[LogRecord]:
    """Return a page of a run's log lines, oldest first.

    `level` is the least that is wanted, `q` is looked for in the text, whatever the case. The list goes on behind the
    line whose `seq` is `after`: `next` is that number, and whoever follows a log asks with the last one it got.
    """
    query = select(log_lines).where(log_lines.c.run == run_id, log_lines.c.seq > after)
    if level in LEVELS:
        query = query.where(log_lines.c.level.in_(LEVELS[LEVELS.index(level) :]))
    if q:
        query = query.where(contains(log_lines.c.message, q))
    count = page_limit(limit)
    rows = conn.execute(query.order_by(log_lines.c.seq).limit(count + 1)).mappings()
    found = [
        LogRecord(
            seq=row["seq"],
            at=row["at"],
            level=row["level"],
            task=row["task"],
            fence=row["fence"],
            n=row["n"],
            message=row["message"],
        )
        for row in rows
    ]
    return Page(items=found[:count], next=str(found[count - 1].seq) if len(found) > count else None)
