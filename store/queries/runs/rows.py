"""Rows of runs, tasks and attempts as records."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from sqlalchemy import RowMapping

from rota.messages import TaskMessage
from rota.states import RunState
from store.encoding import load_cause, load_failure, load_message, load_progress, loads
from store.records import AttemptRecord, RunRecord, TaskRecord


def run_record(row: RowMapping) -> RunRecord:
    """Make a record of a whole row of `runs`."""
    return RunRecord(
        id=row["id"],
        job=row["job"],
        job_version=row["job_version"],
        owner=row["owner"],
        kind=row["kind"],
        state=RunState(row["state"]),
        reason=row["reason"],
        cause=load_cause(row["cause"]),
        params=loads(row["params"]),
        priority=row["priority"],
        chain=tuple(loads(row["chain"])),
        task_count=row["task_count"],
        queued_at=row["queued_at"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        progress=load_progress(row["progress"]),
        error=load_failure(row["error"]),
        result=loads(row["result"]),
        slot_key=row["slot_key"],
        slot_no=row["slot_no"],
        cancel_requested=row["cancel_requested"],
        wait_key=row["wait_key"],
        start_at=row["start_at"],
        late_at=row["late_at"],
        timeout_at=row["timeout_at"],
    )


def task_record(row: RowMapping, attempts: Iterable[AttemptRecord]) -> TaskRecord:
    """Make a record of a whole row of `tasks`."""
    message = load_message(row["message"])
    return TaskRecord(
        id=row["id"],
        run=row["run"],
        step=row["step"],
        branch=row["branch"],
        item=loads(row["item"]),
        actor=row["actor"],
        queue=row["queue"],
        state=RunState(row["state"]),
        reason=row["reason"],
        params=None if message is None else message.params,
        attempt=row["attempt"],
        fence=row["fence"],
        repeats=row["repeats"],
        checkpoint=loads(row["checkpoint"]),
        progress=load_progress(row["progress"]),
        error=load_failure(row["error"]),
        result=loads(row["result"]),
        queued_at=row["queued_at"],
        sent_at=row["sent_at"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        retry_at=row["retry_at"],
        worker=row["worker"],
        attempts=tuple(attempts),
    )


def attempt_record(row: RowMapping) -> AttemptRecord:
    """Make a record of a row of `attempts`."""
    return AttemptRecord(
        task=row["task"],
        n=row["n"],
        fence=row["fence"],
        worker=row["worker"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        state=row["state"],
        error=load_failure(row["error"]),
    )


def message_to_send(row: RowMapping) -> TaskMessage:
    """Make the message that continues a task: with its checkpoint, and the number of the attempt that is due.

    After a failed attempt that is the next number, also when the wait for it was paused. One that was lost, paused or
    handed back is tried again under the number it had.
    """
    message = load_message(row["message"])
    assert message is not None
    failed = row["state"] == "retrying" or row["retry_at"] is not None
    attempt = row["attempt"] + 1 if failed else max(row["attempt"], 1)
    return msgspec.structs.replace(message, attempt=attempt, state=loads(row["checkpoint"]))
