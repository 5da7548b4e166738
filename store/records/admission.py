"""What goes in: new runs and tasks, and how they go on and end.

Times are milliseconds UTC; `*_at` of None means that it has not happened.
"""

from __future__ import annotations

from typing import Any

import msgspec

from rota.messages import Priority, TaskMessage
from rota.runs import Cause, Failure, Progress
from rota.states import RunState


class NewRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run to be admitted. A skipped one has its reason and ends as it begins.

    `slot_key` and `slot_no` claim a numbered slot of a limited key; the insertion is refused where it is taken. One
    that waits for a slot has `wait_key` and `wait_limit` instead, and with `wait_no` a numbered place to wait at.
    `start_at` is when a rate limit lets it start, `late_at` when it is announced as late.
    """

    id: str
    job: str
    job_version: int
    owner: str
    kind: str
    cause: Cause
    queued_at: int
    state: RunState = RunState.QUEUED
    reason: str | None = None
    params: dict[str, Any] = {}
    priority: Priority = "normal"
    chain: tuple[str, ...] = ()
    slot_key: str | None = None
    slot_no: int | None = None
    wait_key: str | None = None
    wait_no: int | None = None
    wait_limit: int | None = None
    start_at: int | None = None
    late_at: int | None = None
    timeout_at: int | None = None


class NewTask(msgspec.Struct, frozen=True, kw_only=True):
    """A task of a run to be admitted. One that waits for earlier steps has no message yet.

    `branch` is its place in the list of a step with for_each, and `item` its entry; -1 is the step itself.
    """

    id: str
    run: str
    step: str
    branch: int = -1
    item: Any = None
    actor: str
    queue: str
    state: RunState = RunState.QUEUED
    message: TaskMessage | None = None


class ReadyTask(msgspec.Struct, frozen=True, kw_only=True):
    """A waiting task whose step became ready, with the message that is going to be sent."""

    task: str
    message: TaskMessage
    at: int


class Fan(msgspec.Struct, frozen=True, kw_only=True):
    """The branches that a waiting step with for_each becomes; the first takes the place of its waiting task."""

    run: str
    branches: tuple[NewTask, ...]
    at: int


class SkippedTask(msgspec.Struct, frozen=True, kw_only=True):
    """A waiting task that will never start, and why."""

    task: str
    at: int
    reason: str


class Closing(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ends. None leaves `started_at` and `progress` as they are."""

    run: str
    state: RunState
    at: int
    started_at: int | None = None
    reason: str | None = None
    progress: Progress | None = None
    error: Failure | None = None
    result: Any = None
