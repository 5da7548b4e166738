"""The way of runs through their steps, as the recorder decides it: all statements are set-based and guarded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BindParameter,
    Connection,
    RowMapping,
    String,
    Update,
    and_,
    bindparam,
    case,
    func,
    select,
    update,
)

from rota.runs import plain_text
from rota.states import RunState
from store.batches import batches
from store.encoding import dumps, dumps_or_none, load_cause, load_failure, load_progress, loads
from store.queries.runs.branches import branch_counts
from store.records import CANCEL, Closing, ReadyTask, RunSteps, SkippedTask, StepRecord
from store.tables import runs, tasks

_to_state: BindParameter[str] = bindparam("to_state", type_=String())
_why: BindParameter[str | None] = bindparam("why", type_=String())
_as_asked = and_(_to_state == "cancelled", runs.c.cancel_requested == CANCEL)
_close = (
    update(runs)
    .where(runs.c.id == bindparam("of_run"), runs.c.ended_at.is_(None))
    .values(
        state=_to_state,
        # Whoever asked to cancel has said why; the worker only knows that it was asked.
        reason=case((_as_asked, func.coalesce(runs.c.reason, _why)), else_=_why),
        started_at=func.coalesce(runs.c.started_at, bindparam("began")),
        ended_at=bindparam("at"),
        progress=func.coalesce(bindparam("progress_json"), runs.c.progress),
        error=bindparam("error_json"),
        result=bindparam("result_json"),
        slot_key=None,
        slot_no=None,
    )
)
_release = (
    update(tasks)
    .where(tasks.c.id == bindparam("of_task"), tasks.c.state == "waiting")
    .values(
        state="queued",
        message=bindparam("message_json"),
        queue=bindparam("to_queue"),
        queued_at=bindparam("at"),
    )
)
_skip = (
    update(tasks)
    .where(tasks.c.id == bindparam("of_task"), tasks.c.state == "waiting")
    .values(state="skipped", reason=bindparam("why"), ended_at=bindparam("at"))
)
_runs = select(
    runs.c.id,
    runs.c.job,
    runs.c.job_version,
    runs.c.owner,
    runs.c.state,
    runs.c.params,
    runs.c.cause,
    runs.c.priority,
    runs.c.chain,
    runs.c.cancel_requested,
    runs.c.started_at,
    runs.c.slot_key,
    runs.c.wait_key,
    runs.c.start_at,
    runs.c.task_count,
).where(runs.c.id.in_(bindparam("ids", expanding=True)))
_steps = (
    select(tasks.c.run, tasks.c.id, tasks.c.step, tasks.c.state, tasks.c.error, tasks.c.result, tasks.c.progress)
    .where(tasks.c.run.in_(bindparam("ids", expanding=True)), tasks.c.branch < 0)
    .order_by(tasks.c.id)
)
_begin_runs = (
    update(runs).where(runs.c.id == bindparam("of_run"), runs.c.state == "waiting").values(state=bindparam("to_state"))
)


def close(conn: Connection, closings: Sequence[Closing]) -> int:
    """End runs and free their slots; return how many were still open. One statement, safe to repeat."""
    return _execute(conn, _close, [_closing_row(closing) for closing in closings])


def release_tasks(conn: Connection, ready: Sequence[ReadyTask]) -> int:
    """Queue waiting tasks whose step became ready, with the message they will be sent; return how many waited."""
    rows = [
        {
            "of_task": task.task,
            "message_json": dumps(task.message),
            "to_queue": task.message.queue,
            "at": task.at,
        }
        for task in ready
    ]
    return _execute(conn, _release, rows)


def begin_runs(conn: Connection, states: Mapping[str, RunState]) -> int:
    """Give waiting runs of which something is queued by now their new states; return how many waited."""
    rows = [{"of_run": run, "to_state": state.value} for run, state in states.items()]
    return _execute(conn, _begin_runs, rows)


def skip_tasks(conn: Connection, skipped: Sequence[SkippedTask]) -> int:
    """End waiting tasks that will never start; return how many waited."""
    rows = [{"of_task": task.task, "at": task.at, "why": plain_text(task.reason)} for task in skipped]
    return _execute(conn, _skip, rows)


def steps_of(conn: Connection, run_ids: Iterable[str]) -> dict[str, RunSteps]:
    """Return the runs with the states of their tasks, for deciding what comes next.

    Two statements per 500, and one more where there are branches: those are counted, because a step may have a
    thousand of them and each end of one asks again.
    """
    found: dict[str, RunSteps] = {}
    for batch in batches(run_ids):
        steps: dict[str, list[StepRecord]] = {}
        for row in conn.execute(_steps, {"ids": batch}).mappings():
            steps.setdefault(row["run"], []).append(_step(row))
        rows = conn.execute(_runs, {"ids": batch}).mappings().all()
        branched = [row["id"] for row in rows if row["task_count"] > len(steps.get(row["id"], ()))]
        counts = branch_counts(conn, branched)
        for row in rows:
            found[row["id"]] = _run_steps(row, steps.get(row["id"], []), counts.get(row["id"], {}))
    return found


def _execute(conn: Connection, statement: Update, rows: list[dict[str, Any]]) -> int:
    return conn.execute(statement, rows).rowcount if rows else 0


def _closing_row(closing: Closing) -> dict[str, Any]:
    return {
        "of_run": closing.run,
        "to_state": closing.state.value,
        "why": None if closing.reason is None else plain_text(closing.reason),
        "began": closing.started_at,
        "at": closing.at,
        "progress_json": dumps_or_none(closing.progress),
        "error_json": dumps_or_none(closing.error),
        "result_json": dumps_or_none(closing.result),
    }


def _step(row: RowMapping) -> StepRecord:
    return StepRecord(
        task=row["id"],
        step=row["step"],
        state=RunState(row["state"]),
        error=load_failure(row["error"]),
        result=loads(row["result"]),
        progress=load_progress(row["progress"]),
    )


def _run_steps(row: RowMapping, steps: list[StepRecord], branches: dict[str, dict[RunState, int]]) -> RunSteps:
    return RunSteps(
        run=row["id"],
        job=row["job"],
        job_version=row["job_version"],
        owner=row["owner"],
        state=RunState(row["state"]),
        params=loads(row["params"]),
        cause=load_cause(row["cause"]),
        priority=row["priority"],
        chain=tuple(loads(row["chain"])),
        cancel_requested=row["cancel_requested"],
        started_at=row["started_at"],
        slot_key=row["slot_key"],
        wait_key=row["wait_key"],
        start_at=row["start_at"],
        steps=tuple(steps),
        branches=branches,
    )
