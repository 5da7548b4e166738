"""Runs as people and the sweeper look at them."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

from sqlalchemy import ColumnElement, Connection, and_, bindparam, func, literal_column, select

from rota.errors import NotFound
from rota.states import RunState
from store.batches import batches
from store.cursors import decode_cursor, encode_cursor, page_limit
from store.queries.runs.rows import attempt_record, message_to_send, run_record, task_record
from store.records import CANCEL, PAUSE, AttemptRecord, OpenTask, Page, RunDetail, RunRecord, TaskRecord
from store.tables import ENDED_STATES, OPEN_STATES, SENT_STATES, attempts, runs, tasks

_one = select(runs).where(runs.c.id == bindparam("id"))
# The first branch of a step has the id that the step was admitted with, so steps stay in their order.
_tasks = select(tasks).where(tasks.c.run == bindparam("run")).order_by(tasks.c.id)
_attempts = (
    select(attempts)
    .join(tasks, tasks.c.id == attempts.c.task)
    .where(tasks.c.run == bindparam("run"))
    .order_by(attempts.c.fence)
)
# Words as they stand in the conditions of partial indexes: a bound parameter would hide from the planner that they fit.
_not_succeeded: ColumnElement[bool] = literal_column("runs.state <> 'succeeded'")
_not_system: ColumnElement[bool] = literal_column("runs.owner <> 'system'")
_not_tick: ColumnElement[bool] = literal_column("runs.cause_kind <> 'tick'")
_open_words = ", ".join(f"'{state}'" for state in SENT_STATES)
_in_bus: ColumnElement[bool] = literal_column(f"tasks.state IN ({_open_words})")
_is_paused: ColumnElement[bool] = literal_column("tasks.state = 'paused'")
_sent = (
    select(
        tasks.c.id,
        tasks.c.run,
        tasks.c.state,
        tasks.c.attempt,
        tasks.c.fence,
        tasks.c.checkpoint,
        tasks.c.message,
        tasks.c.retry_at,
        runs.c.start_at,
        runs.c.cancel_requested,
    )
    .join(runs, runs.c.id == tasks.c.run)
    .where(_in_bus, tasks.c.id > bindparam("after_id"))
    .where(func.coalesce(tasks.c.sent_at, tasks.c.queued_at) < bindparam("before"))
    .order_by(tasks.c.id)
    .limit(bindparam("most"))
)

_unended = select(tasks.c.id).where(
    tasks.c.id.in_(bindparam("ids", expanding=True)), tasks.c.state.not_in(ENDED_STATES)
)


def get_run(conn: Connection, run_id: str) -> RunRecord:
    """Return one run; NotFound if there is none with this id."""
    row = conn.execute(_one, {"id": run_id}).mappings().one_or_none()
    if row is None:
        raise NotFound(f"there is no run {run_id}")
    return run_record(row)


def list_runs(
    conn: Connection,
    *,
    job: str | None = None,
    states: Sequence[RunState] = (),
    owner: str | None = None,
    cause: str | None = None,
    since: int | None = None,
    until: int | None = None,
    cursor: str | None = None,
    limit: int = 100,
) -> Page[RunRecord]:
    """Return a page of runs, newest first.

    `cause` is a kind (tick, event, person, parent); `since` and `until` bound the admission, both included.
    """
    conditions = _conditions(job=job, states=states, owner=owner, cause=cause, since=since, until=until)
    if cursor is not None:
        conditions.append(runs.c.id < decode_cursor(cursor))
    count = page_limit(limit)
    query = select(runs).where(and_(True, *conditions)).order_by(runs.c.id.desc()).limit(count + 1)
    found = [run_record(row) for row in conn.execute(query).mappings()]
    return Page(items=found[:count], next=encode_cursor(found[count - 1].id) if len(found) > count else None)


def run_detail(conn: Connection, run_id: str) -> RunDetail:
    """Return one run with its tasks, step by step, and their attempts; NotFound if there is none with this id."""
    run = get_run(conn, run_id)
    tried: dict[str, list[AttemptRecord]] = {}
    for row in conn.execute(_attempts, {"run": run_id}).mappings():
        tried.setdefault(row["task"], []).append(attempt_record(row))
    tasks_of: dict[str, list[TaskRecord]] = {}
    for row in conn.execute(_tasks, {"run": run_id}).mappings():
        tasks_of.setdefault(row["step"], []).append(task_record(row, tried.get(row["id"], ())))
    in_order = (task for of_step in tasks_of.values() for task in sorted(of_step, key=attrgetter("branch")))
    return RunDetail(run=run, tasks=tuple(in_order))


def open_tasks(conn: Connection, *, before: int, after_id: str = "", limit: int = 500) -> list[OpenTask]:
    """Return tasks that should be in the bus and were last sent (or queued) before this time, by id.

    The sweeper walks them in pages, `after_id` being the last of the page before, so that a page of long ones never
    hides those behind it.
    """
    rows = conn.execute(_sent, {"before": before, "after_id": after_id, "most": page_limit(limit)}).mappings()
    return [
        OpenTask(
            id=row["id"],
            run=row["run"],
            state=RunState(row["state"]),
            attempt=row["attempt"],
            fence=row["fence"],
            message=message_to_send(row),
            retry_at=row["retry_at"],
            start_at=row["start_at"],
            cancel_requested=row["cancel_requested"],
        )
        for row in rows
    ]


def overdue(conn: Connection, *, at: int, limit: int = 500) -> list[str]:
    """Return open runs whose time limit has passed and that nobody has cancelled yet."""
    query = (
        select(runs.c.id)
        .where(
            _not_succeeded,
            runs.c.state.in_(OPEN_STATES),
            runs.c.timeout_at <= at,
            # Those are told by themselves to go, and would hide the ones behind them while they hang.
            runs.c.cancel_requested != CANCEL,
        )
        .order_by(runs.c.id)
        .limit(page_limit(limit))
    )
    return list(conn.scalars(query))


def paused_in_error(conn: Connection, limit: int = 500) -> tuple[list[str], list[str]]:
    """Return the runs that are paused although that was taken back, and those that are although they shall end.

    One of which only a task is paused, while others of it go on, is among them.
    """
    count = page_limit(limit)
    whole = (
        select(runs.c.id, runs.c.cancel_requested)
        .where(_not_succeeded, runs.c.state == RunState.PAUSED.value, runs.c.cancel_requested != PAUSE)
        .order_by(runs.c.id)
        .limit(count)
    )
    partly = (
        select(runs.c.id, runs.c.cancel_requested)
        .join(tasks, tasks.c.run == runs.c.id)
        .where(_is_paused, runs.c.cancel_requested != PAUSE, runs.c.ended_at.is_(None))
        .order_by(runs.c.id)
        .limit(count)
    )
    found: dict[str, int] = {run: asked for query in (whole, partly) for run, asked in conn.execute(query)}
    return [run for run, asked in found.items() if asked == 0], [run for run, asked in found.items() if asked != 0]


def count_open(conn: Connection) -> dict[RunState, int]:
    """Return how many runs are in each open state, for the metrics."""
    query = (
        select(runs.c.state, func.count()).where(_not_succeeded, runs.c.state.in_(OPEN_STATES)).group_by(runs.c.state)
    )
    counts: dict[RunState, int] = dict.fromkeys(map(RunState, OPEN_STATES), 0)
    counts.update({RunState(state): count for state, count in conn.execute(query)})
    return counts


def last_states(conn: Connection, job: str, limit: int, *, since: int = 0) -> list[RunState]:
    """Return how a job's newest runs since a time have ended, newest first, leaving out cancelled and skipped ones."""
    query = (
        select(runs.c.state)
        .where(runs.c.job == job, runs.c.state.in_(("succeeded", "failed")), runs.c.ended_at > since)
        .order_by(runs.c.id.desc())
        .limit(page_limit(limit))
    )
    return [RunState(state) for state in conn.scalars(query)]


def _conditions(
    *,
    job: str | None,
    states: Sequence[RunState],
    owner: str | None,
    cause: str | None,
    since: int | None,
    until: int | None,
) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if job is not None:
        conditions.append(runs.c.job == job)
    if states:
        conditions.append(runs.c.state.in_([state.value for state in states]))
        if RunState.SUCCEEDED not in states:
            conditions.append(_not_succeeded)
    if owner is not None:
        conditions.append(runs.c.owner == owner)
        if owner != "system":
            conditions.append(_not_system)
    if cause is not None:
        conditions.append(runs.c.cause_kind == cause)
        if cause != "tick":
            conditions.append(_not_tick)
    if since is not None:
        conditions.append(runs.c.queued_at >= since)
    if until is not None:
        conditions.append(runs.c.queued_at <= until)
    return conditions


def unended(conn: Connection, ids: Sequence[str]) -> set[str]:
    """Return those of these tasks that have not ended."""
    return {found for some in batches(ids) for found in conn.scalars(_unended, {"ids": some})}
