"""What one person has under way, for those who decide whether there may be more of it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, literal_column, select

from store.encoding import loads
from store.locks import hold
from store.tables import runs

# As it stands in the condition of a partial index, so that only the runs of people are looked through.
_not_system: ColumnElement[bool] = literal_column("runs.owner <> 'system'")
_open_of = (
    select(runs.c.id, runs.c.job, runs.c.params)
    .where(
        runs.c.owner == bindparam("owner"),
        _not_system,
        runs.c.ended_at.is_(None),
        runs.c.job.in_(bindparam("jobs", expanding=True)),
    )
    .order_by(runs.c.id)
)


def hold_owner(conn: Connection, owner: str) -> None:
    """Keep others from admitting runs of this owner under a quota until the transaction ends.

    Called before any key is held, so that two admissions never wait for each other.
    """
    hold(conn, [f"owner:{owner}"])


def open_runs_of(conn: Connection, owner: str, jobs: Collection[str]) -> list[tuple[str, str, dict[str, Any]]]:
    """Return the open runs of these jobs that belong to somebody, the oldest first: id, job and parameters."""
    found = conn.execute(_open_of, {"owner": owner, "jobs": list(jobs)})
    return [(run, job, loads(params)) for run, job, params in found]
