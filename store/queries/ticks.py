"""Ticks: when each trigger is due next, and which due time was decided last.

The timetable in Redis is made from these rows and can be made from them again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, select, tuple_, update

from store import dialects
from store.batches import batches
from store.bulk import Bulk
from store.records import Advance, TickRecord
from store.tables import jobs, ticks

_BATCH = 400

_page = (
    select(ticks)
    .where(tuple_(ticks.c.job, ticks.c.trigger) > tuple_(bindparam("job"), bindparam("trigger")))
    .order_by(ticks.c.job, ticks.c.trigger)
    .limit(bindparam("most"))
)
_of_jobs = select(ticks).where(ticks.c.job.in_(bindparam("jobs", expanding=True)))
_dues = select(ticks.c.job, ticks.c.trigger, ticks.c.due).where(ticks.c.job.in_(bindparam("jobs", expanding=True)))
_save = dialects.upsert(ticks, key=("job", "trigger"), update=("due", "decided_due"))
_advance = Bulk(
    update(ticks)
    .where(
        ticks.c.job == bindparam("at_job"),
        ticks.c.trigger == bindparam("at_trigger"),
        ticks.c.due == bindparam("old_due"),
    )
    .values(due=bindparam("new_due"), decided_due=bindparam("old_due"))
)


def page(conn: Connection, *, after: tuple[str, str] = ("", ""), limit: int) -> list[TickRecord]:
    """Return the ticks of the triggers that follow this (job, trigger): a page, in order."""
    job, trigger = after
    rows = conn.execute(_page, {"job": job, "trigger": trigger, "most": limit})
    return [_record(row) for row in rows]


def of_job(conn: Connection, job: str) -> list[TickRecord]:
    """Return the ticks of a job's triggers."""
    rows = conn.execute(select(ticks).where(ticks.c.job == job).order_by(ticks.c.trigger))
    return [_record(row) for row in rows]


def of_jobs(conn: Connection, names: Iterable[str]) -> list[TickRecord]:
    """Return the ticks of the triggers of these jobs."""
    return [_record(row) for batch in batches(names) for row in conn.execute(_of_jobs, {"jobs": batch})]


def dues(conn: Connection, names: Iterable[str]) -> dict[tuple[str, str], int | None]:
    """Return when the triggers of these jobs are due next, by (job, trigger)."""
    return {
        (job, trigger): due for batch in batches(names) for job, trigger, due in conn.execute(_dues, {"jobs": batch})
    }


def jobs_due_before(conn: Connection, end: int | None, *, owner: str | None = None, limit: int) -> list[str]:
    """Return the names of enabled jobs that are due at all, and before a time if one is given, at most `limit` of them.

    With an `owner` only theirs.
    """
    query = (
        select(ticks.c.job)
        .join(jobs, jobs.c.name == ticks.c.job)
        .where(jobs.c.enabled, ticks.c.due.is_not(None))
        .distinct()
        .order_by(ticks.c.job)
        .limit(limit)
    )
    if end is not None:
        query = query.where(ticks.c.due < end)
    return list(conn.scalars(query if owner is None else query.where(jobs.c.owner == owner)))


def set_due(conn: Connection, rows: Sequence[TickRecord]) -> None:
    """Set the ticks of these triggers to what is given, whether they are known or new."""
    if rows:
        conn.execute(
            _save[conn.dialect.name],
            [{"job": row.job, "trigger": row.trigger, "due": row.due, "decided_due": row.decided_due} for row in rows],
        )


def drop(conn: Connection, keys: Sequence[tuple[str, str]]) -> int:
    """Forget triggers (job, trigger) that are in no definition any more; return how many were there."""
    dropped = 0
    for start in range(0, len(keys), _BATCH):
        wanted = tuple_(ticks.c.job, ticks.c.trigger).in_(keys[start : start + _BATCH])
        dropped += conn.execute(delete(ticks).where(wanted)).rowcount
    return dropped


def advance(conn: Connection, rows: Sequence[Advance]) -> set[tuple[str, str]]:
    """Move triggers from their old due time to the next, and return the (job, trigger) that moved.

    A row whose due time is not the old one any more was decided or redefined by somebody else and stays as it is.
    """
    if not rows:
        return set()
    keys = {(row.job, row.trigger) for row in rows}
    parameters = [
        {"at_job": row.job, "at_trigger": row.trigger, "old_due": row.old_due, "new_due": row.new_due} for row in rows
    ]
    if _advance.execute(conn, parameters) == len(keys):
        return keys
    return _moved(conn, rows)


def _record(row: Row[Any]) -> TickRecord:
    return TickRecord(job=row.job, trigger=row.trigger, due=row.due, decided_due=row.decided_due)


def _moved(conn: Connection, rows: Sequence[Advance]) -> set[tuple[str, str]]:
    # Rare, so it may cost a look: only a row that moved has both the new due time and the old one as decided.
    now: dict[tuple[str, str], tuple[int | None, int | None]] = {}
    keys = [(row.job, row.trigger) for row in rows]
    for start in range(0, len(keys), _BATCH):
        wanted = tuple_(ticks.c.job, ticks.c.trigger).in_(keys[start : start + _BATCH])
        for tick in conn.execute(select(ticks).where(wanted)):
            now[tick.job, tick.trigger] = (tick.due, tick.decided_due)
    return {(row.job, row.trigger) for row in rows if now.get((row.job, row.trigger)) == (row.new_due, row.old_due)}
