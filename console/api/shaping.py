"""From records to shapes: what the API says of what the store and the bus hold."""

from __future__ import annotations

from typing import Any

import msgspec

from console.api.made import made_of
from console.api.shapes import (
    AttemptShape,
    ChangeShape,
    EventShape,
    LastRunShape,
    LogLineShape,
    RunDetailShape,
    RunShape,
    TaskShape,
    VersionShape,
)
from console.api.wording import schedule_words
from rota.differences import Difference, differences
from rota.runs import Cause, Failure, Progress
from rota.sealing import shown
from rota.times import rfc3339
from store.records import (
    AttemptRecord,
    EventRecord,
    JobRecord,
    JobVersion,
    LogRecord,
    RunDetail,
    RunRecord,
    TaskRecord,
)


def when(at: int | None) -> str | None:
    """Return a time as the API gives it."""
    return None if at is None else rfc3339(at)


def job_shape(record: JobRecord) -> dict[str, Any]:
    """Return a job: its definition, and what became of it."""
    last = record.last_run
    return {
        **record.definition,
        "name": record.name,
        "label": record.label,
        "owner": record.owner,
        "kind": record.kind,
        "enabled": record.enabled,
        "enabled_reason": record.enabled_reason,
        "version": record.version,
        "schedule": schedule_words(record.definition.get("triggers", ())),
        "last_run": None
        if last is None
        else LastRunShape(id=last.id, state=last.state.value, ended_at=when(last.ended_at)),
        "next_due": when(record.next_due) if record.enabled else None,
        "source": record.source,
        "author": record.author,
        "updated_at": when(record.updated_at),
    }


#: What `job_shape` adds to a definition: left out again when a job comes back, so that what was read can be saved.
READ_ONLY = (
    "kind", "enabled_reason", "version", "schedule", "last_run", "next_due", "source", "author", "updated_at",
)  # fmt: skip


def version_shape(version: JobVersion, before: JobVersion | None) -> VersionShape:
    """Return one definition of a job, with what it changed of another one; of none, nothing is told."""
    changes = [] if before is None else differences(before.definition, version.definition)
    return VersionShape(
        version=version.version,
        at=rfc3339(version.at),
        author=version.author,
        source=version.source,
        definition=version.definition,
        changes=[change_shape(each) for each in changes],
    )


def change_shape(change: Difference) -> ChangeShape:
    """Return one field that differs."""
    return ChangeShape(path=change.path, kind=change.kind, before=change.before, after=change.after)


def run_shape(run: RunRecord) -> RunShape:
    """Return a run as lists show it."""
    return RunShape(**_run_fields(run))


def run_detail_shape(detail: RunDetail) -> RunDetailShape:
    """Return a run with everything."""
    return RunDetailShape(**_run_fields(detail.run), tasks=[_task_shape(task) for task in detail.tasks])


def log_shape(line: LogRecord) -> LogLineShape:
    """Return one line of a log."""
    return LogLineShape(seq=line.seq, at=rfc3339(line.at), level=line.level, task=line.task, message=line.message)


def event_shape(event: EventRecord) -> EventShape:
    """Return an event with what it matched."""
    return EventShape(
        seq=event.seq,
        id=event.id,
        source=event.source,
        type=event.type,
        subject=event.subject,
        time=when(event.time),
        received_at=rfc3339(event.received_at),
        data=event.envelope.get("data"),
        matched=[msgspec.to_builtins(match) for match in event.matched],
    )


def _cause(cause: Cause) -> dict[str, Any]:
    said = {"due": when(cause.due), "event": cause.event, "person": cause.person, "parent": cause.parent}
    return {"kind": cause.kind, **{name: value for name, value in said.items() if value is not None}}


def _progress(progress: Progress | None) -> dict[str, Any] | None:
    if progress is None:
        return None
    return {"done": progress.done, "total": progress.total, "unit": progress.unit, "text": progress.text}


def _error(failure: Failure | None) -> dict[str, Any] | None:
    if failure is None:
        return None
    return {"type": failure.type, "message": failure.message, "traceback": failure.traceback}


def _run_fields(run: RunRecord) -> dict[str, Any]:
    return {
        "id": run.id,
        "job": run.job,
        "job_version": run.job_version,
        "owner": run.owner,
        "kind": run.kind,
        "state": run.state.value,
        "reason": run.reason,
        "cause": _cause(run.cause),
        "params": dict(shown(run.params)),
        "priority": run.priority,
        "queued_at": rfc3339(run.queued_at),
        "started_at": when(run.started_at),
        "ended_at": when(run.ended_at),
        "progress": _progress(run.progress),
        "error": _error(run.error),
        "result": run.result,
        "made": made_of(run.result),
        "stop_requested": (None, "cancel", "pause")[run.cancel_requested] if run.ended_at is None else None,
    }


def _task_shape(task: TaskRecord) -> TaskShape:
    return TaskShape(
        id=task.id,
        step=task.step,
        branch=None if task.branch < 0 else task.branch,
        item=task.item,
        actor=task.actor,
        queue=task.queue,
        state=task.state.value,
        reason=task.reason,
        params=None if task.params is None else dict(shown(task.params)),
        progress=_progress(task.progress),
        error=_error(task.error),
        result=task.result,
        queued_at=when(task.queued_at),
        started_at=when(task.started_at),
        ended_at=when(task.ended_at),
        retry_at=when(task.retry_at),
        repeats=task.repeats,
        attempts=[_attempt_shape(attempt) for attempt in task.attempts],
    )


def _attempt_shape(attempt: AttemptRecord) -> AttemptShape:
    return AttemptShape(
        n=attempt.n,
        worker=attempt.worker,
        state=attempt.state,
        started_at=rfc3339(attempt.started_at),
        ended_at=when(attempt.ended_at),
        error=_error(attempt.error),
    )
