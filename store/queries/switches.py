"""When jobs were switched on and off, and everything paused: kept so that it can be said why a job did not run."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, bindparam, insert, select

from store.records import Switch
from store.tables import switches

EVERYTHING = ""
"""Stands for all jobs, in place of a job's name."""

_last = (
    select(switches)
    .where(switches.c.job == bindparam("job"), switches.c.at <= bindparam("at"))
    .order_by(switches.c.seq.desc())
    .limit(1)
)


def record(
    conn: Connection, names: Iterable[str], enabled: bool, *, at: int, person: str | None, reason: str | None
) -> None:
    """Record that these jobs were switched; `person` is None where a rule did it."""
    rows = [{"job": name, "at": at, "enabled": enabled, "person": person, "reason": reason} for name in names]
    if rows:
        conn.execute(insert(switches), rows)


def last_before(conn: Connection, job: str, at: int) -> Switch | None:
    """Return how a job, or everything, was switched last until a time; None if it never was."""
    row = conn.execute(_last, {"job": job, "at": at}).mappings().one_or_none()
    if row is None:
        return None
    return Switch(at=row["at"], enabled=row["enabled"], person=row["person"], reason=row["reason"])
