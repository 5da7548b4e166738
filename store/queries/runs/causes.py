"""Runs looked up by why they exist, to say what became of a tick."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, select

from store.queries.runs.rows import run_record
from store.records import RunRecord
from store.tables import runs

_by_cause = select(runs).where(runs.c.job == bindparam("job"), runs.c.cause_key.in_(bindparam("keys", expanding=True)))
#: Records for several ticks have the last of them as their due time: the next few after a tick are enough to look at.
_later = (
    select(runs)
    .where(
        runs.c.job == bindparam("job"),
        runs.c.state == "skipped",
        runs.c.cause_key.like(bindparam("prefix"), escape="\\"),
        runs.c.due >= bindparam("due"),
    )
    .order_by(runs.c.due)
    .limit(1)
)


def with_causes(conn: Connection, job: str, keys: Sequence[str]) -> dict[str, RunRecord]:
    """Return the runs of a job that these causes have started, by the key of the cause."""
    rows = conn.execute(_by_cause, {"job": job, "keys": list(keys)}).mappings()
    return {run.cause.key: run for run in map(run_record, rows)}


def skipped_with_others(conn: Connection, job: str, trigger: str, due: int) -> RunRecord | None:
    """Return the record that says for several ticks of a trigger, this one among them, that they were skipped."""
    row = conn.execute(_later, {"job": job, "prefix": f"tick:{trigger}:%", "due": due}).mappings().one_or_none()
    run = None if row is None else run_record(row)
    return run if run is not None and run.cause.since is not None and run.cause.since <= due else None
