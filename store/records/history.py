"""Runs as the store hands them out.

Times are milliseconds UTC; `*_at` of None means that it has not happened.
"""

from __future__ import annotations

from typing import Any

import msgspec

from rota.branches import state_of_branches
from rota.messages import Level, Priority, TaskMessage
from rota.runs import Cause, Failure, Progress
from rota.states import RunState


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A run as it is remembered."""

    id: str
    job: str
    job_version: int
    owner: str
    kind: str
    state: RunState
    reason: str | None
    cause: Cause
    params: dict[str, Any]
    priority: Priority
    chain: tuple[str, ...]
    task_count: int
    queued_at: int
    started_at: int | None
    ended_at: int | None
    progress: Progress | None
    error: Failure | None
    result: Any
    slot_key: str | None
    slot_no: int | None
    cancel_requested: int
    wait_key: str | None
    start_at: int | None
    late_at: int | None
    timeout_at: int | None


class AttemptRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One try. State `lost` means that the worker was lost, `queued` that it handed the task back."""

    task: str
    n: int
    fence: int
    worker: str
    started_at: int
    ended_at: int | None
    state: str
    error: Failure | None


class TaskRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a run, or one branch of a step with for_each: then `branch` is its place and `item` its entry."""

    id: str
    run: str
    step: str
    branch: int
    item: Any
    actor: str
    queue: str
    state: RunState
    reason: str | None
    params: dict[str, Any] | None
    attempt: int
    fence: int
    repeats: int
    checkpoint: Any
    progress: Progress | None
    error: Failure | None
    result: Any
    queued_at: int | None
    sent_at: int | None
    started_at: int | None
    ended_at: int | None
    retry_at: int | None
    worker: str | None
    attempts: tuple[AttemptRecord, ...] = ()


class RunDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A run with its tasks and their attempts."""

    run: RunRecord
    tasks: tuple[TaskRecord, ...]


class OpenTask(msgspec.Struct, frozen=True, kw_only=True):
    """A task that should be in the bus; `message` is what to send if it is not there.

    It is not to start before `retry_at`, nor before `start_at`, which is that of its run.
    """

    id: str
    run: str
    state: RunState
    attempt: int
    fence: int
    message: TaskMessage
    retry_at: int | None
    start_at: int | None
    cancel_requested: int


class StepRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What the decision about the next steps needs to know of one task that is a whole step."""

    task: str
    step: str
    state: RunState
    error: Failure | None
    result: Any
    progress: Progress | None


class BranchRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A branch of a step that waits for its turn."""

    task: str
    branch: int
    item: Any


class RunSteps(msgspec.Struct, frozen=True, kw_only=True):
    """What the decision about the next steps needs to know of a run.

    `branches` say of each step that has them how many are in each state; such a step is not among `steps`.
    """

    run: str
    job: str
    job_version: int
    owner: str
    state: RunState
    params: dict[str, Any]
    cause: Cause
    priority: Priority
    chain: tuple[str, ...]
    cancel_requested: int
    started_at: int | None
    slot_key: str | None
    wait_key: str | None
    start_at: int | None
    steps: tuple[StepRecord, ...]
    branches: dict[str, dict[RunState, int]] = {}

    def states(self) -> dict[str, RunState]:
        """Return the states of the steps, of those with branches as these make them."""
        whole = {step.step: step.state for step in self.steps}
        return whole | {step: state_of_branches(counts) for step, counts in self.branches.items()}


class LogRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a run's log."""

    seq: int
    at: int
    level: Level
    task: str
    fence: int
    n: int
    message: str
