"""Ending runs in the store at once, whatever their tasks do; the bus is told afterwards, as often as it takes."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import BindParameter, ColumnElement, Connection, bindparam, literal_column, select, update

from rota.runs import plain_text
from rota.states import RunState
from store.batches import batches
from store.records import Ended, EndedRun
from store.tables import ENDED_STATES, SENT_STATES, attempts, runs, tasks

_ids: BindParameter[list[str]] = bindparam("ids", expanding=True)
_open_tasks = (
    select(tasks.c.id, tasks.c.run, tasks.c.state)
    .where(tasks.c.run.in_(_ids), tasks.c.state.not_in(ENDED_STATES))
    .order_by(tasks.c.id)
)
# Tasks before runs, as everywhere; and read once both are locked, with the branches that were made meanwhile.
_lock_tasks = _open_tasks.with_for_update()
_locked_runs = (
    select(runs.c.id, runs.c.job, runs.c.job_version)
    .where(runs.c.id.in_(_ids), runs.c.ended_at.is_(None))
    .order_by(runs.c.id)
    .with_for_update()
)
_end_attempts = (
    update(attempts)
    .where(attempts.c.task.in_(_ids), attempts.c.ended_at.is_(None))
    .values(state="cancelled", ended_at=bindparam("at"))
)
_end_tasks = (
    update(tasks)
    .where(tasks.c.id.in_(_ids))
    .values(state="cancelled", ended_at=bindparam("at"), reason=bindparam("why"), retry_at=None)
)
_end_runs = (
    update(runs)
    .where(runs.c.id.in_(_ids))
    .values(
        state="cancelled",
        ended_at=bindparam("at"),
        reason=bindparam("why"),
        slot_key=None,
        slot_no=None,
        wait_key=None,
        wait_no=None,
        wait_limit=None,
        untold=bindparam("untold"),
    )
)
# As it stands in the condition of a partial index: SQLite would be given `untold = 1`, and read all runs there are.
_is_untold: ColumnElement[bool] = literal_column("runs.untold")
_untold = select(runs.c.id).where(_is_untold).order_by(runs.c.id).limit(bindparam("most"))
_tasks_of = select(tasks.c.id).where(tasks.c.run.in_(_ids))
_told = update(runs).where(runs.c.id.in_(_ids)).values(untold=False)


def terminate(conn: Connection, run_ids: Iterable[str], *, at: int, reason: str) -> Ended:
    """End open runs and their tasks as cancelled and free their slots; reports that come later are refused.

    `Ended.tasks` have to be taken away from the bus. Until `told` says that they were, `untold` names their runs.
    """
    ended: list[EndedRun] = []
    sent: list[str] = []
    why = plain_text(reason)
    for ids in batches(run_ids):
        conn.execute(_lock_tasks, {"ids": ids})
        found = list(conn.execute(_locked_runs, {"ids": ids}))
        rows = list(conn.execute(_open_tasks, {"ids": [run for run, _, _ in found]}))
        for tasks_of in batches([task for task, _, _ in rows]):
            conn.execute(_end_attempts, {"ids": tasks_of, "at": at})
            conn.execute(_end_tasks, {"ids": tasks_of, "at": at, "why": why})
        in_bus = {run for _, run, state in rows if state in SENT_STATES}
        for untold in (True, False):
            some = [run for run, _, _ in found if (run in in_bus) is untold]
            if some:
                conn.execute(_end_runs, {"ids": some, "at": at, "why": why, "untold": untold})
        sent += [task for task, _, state in rows if state in SENT_STATES]
        ended += [
            EndedRun(run=run, job=job, job_version=version, state=RunState.CANCELLED, at=at)
            for run, job, version in found
        ]
    return Ended(runs=tuple(ended), tasks=tuple(sent))


def untold(conn: Connection, *, limit: int = 100) -> dict[str, list[str]]:
    """Return runs that were terminated and that the bus may not have heard of, with all their tasks."""
    return {run: list(conn.scalars(_tasks_of, {"ids": [run]})) for run in conn.scalars(_untold, {"most": limit}).all()}


def told(conn: Connection, run_ids: Iterable[str]) -> None:
    """Record that the bus has heard that these runs were terminated."""
    for ids in batches(run_ids):
        conn.execute(_told, {"ids": ids})
