"""The birth of runs: inserted once per cause, within the limits of their slots, and sent after that."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, tuple_, update

from rota.states import TERMINAL, RunState
from store import dialects
from store.batches import batches
from store.bulk import Bulk
from store.encoding import dumps, dumps_or_none
from store.records import NewRun, NewTask
from store.tables import runs, tasks

_insert_runs = Bulk(dialects.insert_new(runs))
_insert_tasks = Bulk(insert(tasks))
_by_cause = select(runs.c.job, runs.c.cause_key, runs.c.id).where(
    tuple_(runs.c.job, runs.c.cause_key).in_(bindparam("pairs", expanding=True))
)
_present = select(runs.c.id).where(runs.c.id.in_(bindparam("ids", expanding=True)))
_slots = select(runs.c.slot_key, runs.c.slot_no).where(
    runs.c.slot_key.is_not(None), runs.c.slot_key.in_(bindparam("keys", expanding=True))
)
_mark_sent = update(tasks).where(tasks.c.id.in_(bindparam("ids", expanding=True))).values(sent_at=bindparam("at"))


def insert_admitted(conn: Connection, new_runs: Sequence[NewRun], new_tasks: Sequence[NewTask]) -> set[str]:
    """Insert runs with their tasks and return the ids of the runs that are in.

    A run is left out, with its tasks, when its job has one of the same cause already, or when its slot is taken: see
    `find_by_cause` and `open_slots` for which of the two. Nothing is raised, so one refusal costs its batch nothing.
    """
    if not new_runs:
        return set()
    counts: dict[str, int] = {}
    for task in new_tasks:
        counts[task.run] = counts.get(task.run, 0) + 1
    rows = [_run_row(run, counts.get(run.id, 0)) for run in new_runs]
    inserted = {run.id for run in new_runs}
    if _insert_runs.execute(conn, rows) != len(rows):
        inserted = _present_of(conn, inserted)
    queued_at = {run.id: run.queued_at for run in new_runs}
    task_rows = [task_row(task, queued_at[task.run]) for task in new_tasks if task.run in inserted]
    if task_rows:
        _insert_tasks.execute(conn, task_rows)
    return inserted


def find_by_cause(conn: Connection, pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Return the ids of the runs that these (job, cause key) have started already."""
    found: dict[tuple[str, str], str] = {}
    for batch in batches(pairs):
        found.update({(job, key): run for job, key, run in conn.execute(_by_cause, {"pairs": batch})})
    return found


def open_slots(conn: Connection, keys: Iterable[str]) -> dict[str, set[int]]:
    """Return the numbers of the slots that open runs hold, for each of these keys; none is an empty set."""
    taken: dict[str, set[int]] = {key: set() for key in keys}
    for batch in batches(taken):
        for key, number in conn.execute(_slots, {"keys": batch}):
            taken[key].add(number)
    return taken


def mark_sent(conn: Connection, task_ids: Iterable[str], at: int) -> None:
    """Record that the messages of these tasks went to the bus."""
    for batch in batches(task_ids):
        conn.execute(_mark_sent, {"ids": batch, "at": at})


def _present_of(conn: Connection, ids: Iterable[str]) -> set[str]:
    return {run for batch in batches(ids) for run in conn.scalars(_present, {"ids": batch})}


def _run_row(run: NewRun, task_count: int) -> dict[str, Any]:
    return {
        "id": run.id,
        "job": run.job,
        "job_version": run.job_version,
        "owner": run.owner,
        "kind": run.kind,
        "state": run.state.value,
        "reason": run.reason,
        "cause_kind": run.cause.kind,
        "cause_key": run.cause.key,
        "cause": dumps(run.cause),
        # What a person asks for long after it was due is wanted since then, and not late by all of it.
        "due": run.cause.due if run.cause.person is None else None,
        "params": dumps(run.params) if run.params else "{}",
        "priority": run.priority,
        "chain": dumps(run.chain) if run.chain else "[]",
        "task_count": task_count,
        "queued_at": run.queued_at,
        "ended_at": run.queued_at if run.state in TERMINAL else None,
        "slot_key": run.slot_key,
        "slot_no": run.slot_no,
        "wait_key": run.wait_key,
        "wait_no": run.wait_no,
        "wait_limit": run.wait_limit,
        "start_at": run.start_at,
        "late_at": run.late_at,
        "cancel_requested": 0,
        "timeout_at": run.timeout_at,
    }


def task_row(task: NewTask, queued_at: int) -> dict[str, Any]:
    """Return the row of a new task."""
    return {
        "id": task.id,
        "run": task.run,
        "step": task.step,
        "branch": task.branch,
        "item": dumps_or_none(task.item),
        "actor": task.actor,
        "queue": task.queue,
        "state": task.state.value,
        "message": dumps_or_none(task.message),
        "attempt": 0,
        "fence": 0,
        "repeats": 0,
        "queued_at": None if task.message is None or task.state is RunState.WAITING else queued_at,
        "ended_at": queued_at if task.state in TERMINAL else None,
    }
