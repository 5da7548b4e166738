"""What has to be known of runs when something about them is made known as an event."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import ColumnElement, Connection, bindparam, literal_column, select, update

from rota.states import RunState
from store.batches import BATCH, batches
from store.encoding import load_failure, loads
from store.records import LateRun, RunEnd
from store.tables import ENDED_STATES, runs

_of_these = runs.c.id.in_(bindparam("ids", expanding=True))
_chains = select(runs.c.id, runs.c.chain).where(_of_these)
_ends = (
    select(runs.c.id, runs.c.job, runs.c.job_version, runs.c.state, runs.c.ended_at, runs.c.error)
    .where(_of_these, runs.c.state.in_(ENDED_STATES))
    .order_by(runs.c.id)
)
_late = (
    select(
        runs.c.id, runs.c.job, runs.c.state, runs.c.due, runs.c.queued_at, runs.c.ended_at, runs.c.late_at, runs.c.chain
    )
    .where(runs.c.late_at.is_not(None), runs.c.late_at <= bindparam("now"))
    .order_by(runs.c.late_at)
    .limit(bindparam("most"))
)
# As it stands in the condition of a partial index: SQLite would be given `unannounced = 1`, and read all runs.
_is_unannounced: ColumnElement[bool] = literal_column("runs.unannounced")
_unannounced = select(runs.c.id).where(_is_unannounced).order_by(runs.c.id).limit(bindparam("most"))
_set_unannounced = update(runs).where(_of_these).values(unannounced=bindparam("to_unannounced"))
_set_told = update(runs).where(_of_these).values(late_at=None)


def chains_of(conn: Connection, run_ids: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the jobs that led to each of these runs; those that are gone are left out."""
    return {
        run: tuple(loads(chain)) for batch in batches(run_ids) for run, chain in conn.execute(_chains, {"ids": batch})
    }


def ends_of(conn: Connection, run_ids: Iterable[str]) -> list[RunEnd]:
    """Return how those of these runs ended that have."""
    return [
        RunEnd(run=run, job=job, job_version=version, state=RunState(state), at=at, error=load_failure(error))
        for batch in batches(run_ids)
        for run, job, version, state, at, error in conn.execute(_ends, {"ids": batch})
    ]


def leave_ends(conn: Connection, run_ids: Iterable[str]) -> None:
    """Leave the ends of these runs to whoever announces them: the one who ended them may die or not reach Redis."""
    for batch in batches(run_ids):
        conn.execute(_set_unannounced, {"ids": batch, "to_unannounced": True})


def left_ends(conn: Connection, *, limit: int = BATCH) -> list[str]:
    """Return runs whose ends were left to be announced."""
    return list(conn.scalars(_unannounced, {"most": limit}))


def set_announced(conn: Connection, run_ids: Iterable[str]) -> None:
    """Note that the ends of these runs were announced."""
    for batch in batches(run_ids):
        conn.execute(_set_unannounced, {"ids": batch, "to_unannounced": False})


def late_runs(conn: Connection, *, now: int, limit: int = BATCH) -> list[LateRun]:
    """Return runs that are to be announced as late by now and were not yet, the longest late first."""
    return [
        LateRun(
            run=run,
            job=job,
            state=RunState(state),
            due=due,
            queued_at=queued_at,
            ended_at=ended_at,
            late_at=late_at,
            chain=tuple(loads(chain)),
        )
        for run, job, state, due, queued_at, ended_at, late_at, chain in conn.execute(
            _late, {"now": now, "most": limit}
        )
    ]


def set_told(conn: Connection, run_ids: Iterable[str]) -> None:
    """Note that it is known that these runs are late."""
    for batch in batches(run_ids):
        conn.execute(_set_told, {"ids": batch})
