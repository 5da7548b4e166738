"""Outcomes into the store: a whole batch in a handful of statements.

One reads the tasks with their runs (and locks them), then `store.folding` decides, then attempts, lost attempts, tasks,
runs and log lines are written, each kind in one statement.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, func, select, update

from rota.messages import Outcome
from rota.runs import Progress
from rota.states import TERMINAL, RunState
from store import dialects
from store.batches import batches
from store.bulk import Bulk
from store.encoding import dumps_or_none, load_failure, load_progress, loads
from store.folding import Folded, Task, fold
from store.records import PAUSE, Applied, EndedTask
from store.tables import attempts, log_lines, runs, tasks

_TASK_COLUMNS = (
    "id", "run", "step", "branch", "state", "reason", "attempt", "fence", "repeats", "checkpoint", "progress", "error",
    "result", "started_at", "ended_at", "retry_at", "worker",
)  # fmt: skip
_FIXED_COLUMNS = ("id", "run", "step", "branch", "fence")

_read = (
    select(
        *(tasks.c[name] for name in _TASK_COLUMNS),
        runs.c.job,
        runs.c.job_version,
        runs.c.task_count,
        runs.c.slot_key,
        runs.c.cancel_requested,
    )
    .join(runs, runs.c.id == tasks.c.run)
    .where(tasks.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(tasks.c.id)
    # Locked in the order of their ids, so that two recorders cannot deadlock with each other.
    .with_for_update(of=tasks)
)
_write_attempts = Bulk(dialects.upsert(attempts, key=("task", "fence"), update=("ended_at", "state", "error")))
_write_lost = (
    update(attempts)
    .where(
        attempts.c.task == bindparam("of_task"),
        attempts.c.fence < bindparam("before_fence"),
        attempts.c.ended_at.is_(None),
    )
    .values(state="lost", ended_at=bindparam("at"))
)
_write_tasks = Bulk(
    update(tasks)
    .where(
        tasks.c.id == bindparam("of_task"),
        tasks.c.fence <= bindparam("to_fence"),
        tasks.c.ended_at.is_(None),
    )
    .values(
        fence=bindparam("to_fence"),
        **{name: bindparam(f"to_{name}") for name in _TASK_COLUMNS if name not in _FIXED_COLUMNS},
    )
)
_write_lines = dialects.insert_new(log_lines)
_follow = (
    update(runs)
    .where(runs.c.id == bindparam("of_run"), runs.c.ended_at.is_(None))
    .values(
        state=bindparam("to_state"),
        started_at=func.coalesce(runs.c.started_at, bindparam("began")),
        progress=func.coalesce(bindparam("to_progress"), runs.c.progress),
    )
)
_states = (
    select(
        tasks.c.run,
        tasks.c.step,
        tasks.c.state,
        func.count().label("count"),
        (func.min(tasks.c.branch) >= 0).label("branched"),
    )
    .where(tasks.c.run.in_(bindparam("ids", expanding=True)))
    .group_by(tasks.c.run, tasks.c.step, tasks.c.state)
)


def apply(conn: Connection, outcomes: Sequence[Outcome]) -> Applied:
    """Record a batch of outcomes, and return which tasks they ended and what was refused.

    Safe to repeat with the same batch. Runs follow their tasks as long as they are open; ending them is left to the
    caller, in the same transaction: `EndedTask.closing` and `runs.close` where `EndedTask.alone`, `runs.steps_of` for
    the others.
    """
    context: dict[str, RowMapping] = {}
    for ids in batches(dict.fromkeys(outcome.task for outcome in outcomes)):
        context.update((row["id"], row) for row in conn.execute(_read, {"ids": ids}).mappings())
    folded = fold({task: _task(row) for task, row in context.items()}, outcomes)
    _write(conn, folded)
    changed = _follow_tasks(conn, folded, context)
    return Applied(
        ended=tuple(_ended(task, context[task.id]) for task in folded.ended),
        changed=tuple(changed),
        started=folded.started,
        refused=folded.refused,
        repeated=folded.repeated,
        unknown=folded.unknown,
    )


def _write(conn: Connection, folded: Folded) -> None:
    lost = [
        {"of_task": task.id, "before_fence": task.fence, "at": task.lost_at}
        for task in folded.tasks.values()
        if task.lost_at is not None
    ]
    if lost:
        conn.execute(_write_lost, lost)
    if folded.attempts:
        _write_attempts.execute(conn, _attempt_rows(folded))
    changed = [_task_row(task) for task in folded.tasks.values() if task.changed]
    if changed:
        _write_tasks.execute(conn, changed)
    if folded.lines:
        conn.execute(_write_lines[conn.dialect.name], folded.lines)


def _follow_tasks(conn: Connection, folded: Folded, context: dict[str, RowMapping]) -> list[str]:
    """Let open runs take the state of their tasks; those that end with their only task are the caller's."""
    last: dict[str, Task] = {}
    several: dict[str, RowMapping] = {}
    for task in folded.tasks.values():
        row = context[task.id]
        alone = row["task_count"] == 1 and task.branch < 0
        if not task.changed or (alone and task.state in TERMINAL):
            continue
        last[task.run] = task
        if not alone:
            several[task.run] = row
    rows = {run: _run_row(task, task.state, task.progress) for run, task in last.items()}
    for run, found in _tasks_of(conn, several).items():
        task = last[run]
        state = joint_state((each["state"] for each in found), several[run]["cancel_requested"] == PAUSE)
        progress = task.progress if task.branch < 0 else _joint_progress(task, found)
        rows[run] = _run_row(task, state, progress)
    if rows:
        conn.execute(_follow, list(rows.values()))
    return list(rows)


def _run_row(task: Task, state: RunState, progress: Progress | None) -> dict[str, Any]:
    return {
        "of_run": task.run,
        "to_state": state.value,
        "began": task.started_at,
        "to_progress": dumps_or_none(progress),
    }


def _tasks_of(conn: Connection, run_ids: Iterable[str]) -> dict[str, list[RowMapping]]:
    found: dict[str, list[RowMapping]] = {}
    for ids in batches(run_ids):
        for row in conn.execute(_states, {"ids": ids}).mappings():
            found.setdefault(row["run"], []).append(row)
    return found


def _joint_progress(task: Task, found: Iterable[RowMapping]) -> Progress:
    """Return how far a run is that works through the branches of a step: those that ended, and what one says."""
    counts = {row["state"]: row["count"] for row in found if row["step"] == task.step and row["branched"]}
    said = task.progress.text if task.progress is not None and task.state not in TERMINAL else ""
    return Progress(
        done=sum(count for state, count in counts.items() if state in TERMINAL),
        total=sum(counts.values()),
        unit="branches",
        text=f"{task.step} {task.branch}: {said}" if said else "",
    )


def joint_state(states: Iterable[str], pause_requested: bool) -> RunState:
    """Say in which open state a run of several tasks is.

    One whose tasks have all ended is running until it is closed.
    """
    found = {RunState(state) for state in states}
    begun = bool(found & TERMINAL)
    if RunState.RUNNING in found:
        return RunState.RUNNING
    if RunState.QUEUED in found:
        return RunState.RUNNING if begun else RunState.QUEUED
    if RunState.RETRYING in found:
        return RunState.RETRYING
    if RunState.PAUSED in found or (pause_requested and RunState.WAITING in found):
        return RunState.PAUSED
    return RunState.RUNNING


def _task(row: RowMapping) -> Task:
    return Task(
        id=row["id"],
        run=row["run"],
        step=row["step"],
        branch=row["branch"],
        state=RunState(row["state"]),
        reason=row["reason"],
        attempt=row["attempt"],
        fence=row["fence"],
        repeats=row["repeats"],
        checkpoint=loads(row["checkpoint"]),
        progress=load_progress(row["progress"]),
        error=load_failure(row["error"]),
        result=loads(row["result"]),
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        retry_at=row["retry_at"],
        worker=row["worker"],
    )


def _task_row(task: Task) -> dict[str, Any]:
    return {
        "of_task": task.id,
        "to_fence": task.fence,
        "to_state": task.state.value,
        "to_reason": task.reason,
        "to_attempt": task.attempt,
        "to_repeats": task.repeats,
        "to_checkpoint": dumps_or_none(task.checkpoint),
        "to_progress": dumps_or_none(task.progress),
        "to_error": dumps_or_none(task.error),
        "to_result": dumps_or_none(task.result),
        "to_started_at": task.started_at,
        "to_ended_at": task.ended_at,
        "to_retry_at": task.retry_at,
        "to_worker": task.worker,
    }


def _attempt_rows(folded: Folded) -> list[dict[str, Any]]:
    return [
        {
            "task": task,
            "fence": fence,
            "n": attempt.n,
            "run": attempt.run,
            "worker": attempt.worker,
            "started_at": attempt.started_at,
            "ended_at": attempt.ended_at,
            "state": attempt.state,
            "error": dumps_or_none(attempt.error),
        }
        for (task, fence), attempt in folded.attempts.items()
    ]


def _ended(task: Task, row: RowMapping) -> EndedTask:
    assert task.ended_at is not None
    return EndedTask(
        run=task.run,
        task=task.id,
        step=task.step,
        branch=task.branch,
        job=row["job"],
        job_version=row["job_version"],
        state=task.state,
        attempt=task.attempt,
        fence=task.fence,
        at=task.ended_at,
        started_at=task.started_at,
        reason=task.reason,
        error=task.error,
        result=task.result,
        progress=task.progress,
        task_count=row["task_count"],
        slot_key=row["slot_key"],
        cancel_requested=row["cancel_requested"],
    )
