"""Valid things with any field set: a test names only what it is about."""

from __future__ import annotations

from itertools import count
from typing import Any

from rota.ids import new_id
from rota.jobs import Job
from rota.messages import Outcome, TaskMessage
from rota.runs import Cause
from rota.states import TERMINAL, RunState
from store.records import NewRun, NewTask

NOW = 1_800_000_000_000
"""A time in milliseconds that tests count from: 2027-01-15."""

_numbers = count(1)


def make_job(name: str = "tidy", **fields: Any) -> Job:
    """Make a job of one step that sleeps, started by hand."""
    steps = fields.pop("steps", [{"id": "main", "actor": "sleep", "with": {"seconds": 1}}])
    return Job.model_validate({"name": name, "steps": steps, **fields})


def make_run(**fields: Any) -> NewRun:
    """Make a run with a cause of its own."""
    cause = Cause.of_person("alice", f"request-{next(_numbers)}")
    defaults: dict[str, Any] = {
        "id": new_id(),
        "job": "tidy",
        "job_version": 1,
        "owner": "admin",
        "kind": "user",
        "cause": cause,
        "queued_at": NOW,
    }
    return NewRun(**(defaults | fields))


def make_task(run: NewRun, **fields: Any) -> NewTask:
    """Make a task of a run; unless it waits or is skipped it has its message."""
    step = fields.get("step", "main")
    task_id = fields.pop("id", None) or new_id()
    state = fields.get("state", run.state)
    message = None
    if state not in TERMINAL and state is not RunState.WAITING:
        message = TaskMessage(
            task=task_id, run=run.id, job=run.job, step=step, actor="sleep", queue="default", params={"seconds": 1}
        )
    defaults: dict[str, Any] = {
        "id": task_id,
        "run": run.id,
        "step": step,
        "actor": "sleep",
        "queue": "default",
        "state": state,
        "message": message,
    }
    return NewTask(**(defaults | fields))


def make_outcome(kind: str, task: NewTask, *, fence: int = 1, **fields: Any) -> Outcome:
    """Make an outcome of a task's first attempt; a finished one has succeeded unless it says otherwise."""
    defaults: dict[str, Any] = {
        "kind": kind,
        "task": task.id,
        "run": task.run,
        "fence": fence,
        "attempt": 1,
        "worker": "host:1:abc",
        "at": NOW + 1000,
    }
    if kind == "finished":
        defaults["state"] = "succeeded"
    return Outcome(**(defaults | fields))
