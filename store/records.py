"""What the store hands out and takes in: frozen values, free of SQLAlchemy.

Times are milliseconds UTC. `*_at` of None means that it has not happened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from rota.messages import Level, Priority, TaskMessage
from rota.runs import Cause, Failure, Progress
from rota.states import RunState

if TYPE_CHECKING:
    from rota.jobs import Job

Item = TypeVar("Item")


class Page(msgspec.Struct, Generic[Item], frozen=True, kw_only=True):
    """One page of a list; `next` is the cursor of the following page, None on the last."""

    items: list[Item]
    next: str | None = None


# Jobs and ticks


class LastRun(msgspec.Struct, frozen=True, kw_only=True):
    """The newest run of a job, in short."""

    id: str
    state: RunState
    ended_at: int | None = None


class JobRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A job as it is saved. `enabled` is the switch, which a new definition does not move by itself."""

    name: str
    label: str
    owner: str
    kind: str
    enabled: bool
    enabled_reason: str | None
    enabled_at: int
    version: int
    definition: dict[str, Any]
    source: str
    author: str
    created_at: int
    updated_at: int
    last_run: LastRun | None = None
    next_due: int | None = None

    def job(self) -> Job:
        """Make the definition's model of it again."""
        from rota.jobs import Job  # most readers of records never need the models

        return Job.model_validate(self.definition)


class JobHead(msgspec.Struct, frozen=True, kw_only=True):
    """What of a job may change without a new definition."""

    name: str
    version: int
    enabled: bool
    enabled_at: int


class JobVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One definition that a job has or had."""

    job: str
    version: int
    definition: dict[str, Any]
    source: str
    author: str
    at: int


class TickRecord(msgspec.Struct, frozen=True, kw_only=True):
    """When a trigger is due next (None: never again), and which due time was decided last."""

    job: str
    trigger: str
    due: int | None
    decided_due: int | None = None


class Advance(msgspec.Struct, frozen=True, kw_only=True):
    """A trigger's step from one due time to the next; it counts only while the old one still stands."""

    job: str
    trigger: str
    old_due: int
    new_due: int | None


# Runs going in


class NewRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run to be admitted. A skipped one has its reason and ends as it begins.

    `slot_key` and `slot_no` claim a numbered slot of a limited key; the insertion is refused where it is taken.
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
    timeout_at: int | None = None


class NewTask(msgspec.Struct, frozen=True, kw_only=True):
    """A task of a run to be admitted. One that waits for earlier steps has no message yet."""

    id: str
    run: str
    step: str
    actor: str
    queue: str
    state: RunState = RunState.QUEUED
    message: TaskMessage | None = None


class ReadyTask(msgspec.Struct, frozen=True, kw_only=True):
    """A waiting task whose step became ready, with the message that is going to be sent."""

    task: str
    message: TaskMessage
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


# Runs coming out


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
    """One step of a run."""

    id: str
    run: str
    step: str
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
    """A task that should be in the bus; `message` is what to send if it is not there."""

    id: str
    run: str
    state: RunState
    attempt: int
    fence: int
    message: TaskMessage
    retry_at: int | None
    cancel_requested: int


class StepRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What the decision about the next steps needs to know of one task."""

    task: str
    step: str
    state: RunState
    error: Failure | None
    result: Any
    progress: Progress | None


class RunSteps(msgspec.Struct, frozen=True, kw_only=True):
    """What the decision about the next steps needs to know of a run."""

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
    steps: tuple[StepRecord, ...]


class LogRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a run's log."""

    seq: int
    at: int
    level: Level
    task: str
    fence: int
    n: int
    message: str


# Outcomes


class EndedTask(msgspec.Struct, frozen=True, kw_only=True):
    """A task that an outcome brought to its end, with what is needed to close its run.

    `task_count` of 1 means that the run ends with it. A failure, if there is one, is in `error`.
    """

    run: str
    task: str
    step: str
    job: str
    job_version: int
    state: RunState
    attempt: int
    fence: int
    at: int
    started_at: int | None
    reason: str | None
    error: Failure | None
    result: Any
    progress: Progress | None
    task_count: int
    slot_key: str | None
    cancel_requested: int

    def closing(self) -> Closing:
        """Make the end of a run that has no other task."""
        return Closing(
            run=self.run,
            state=self.state,
            at=self.at,
            started_at=self.started_at,
            reason=self.reason,
            progress=self.progress,
            error=self.error,
            result=self.result,
        )


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a batch of outcomes.

    `refused` counts those of an older fence, of an ended task, or of a transition that is not legal; `repeated` those
    that were recorded before, which is what a replay looks like; `unknown` those whose task is not in the store.
    `changed` are the open runs whose state or progress moved.
    """

    ended: tuple[EndedTask, ...] = ()
    changed: tuple[str, ...] = ()
    started: int = 0
    refused: int = 0
    repeated: int = 0
    unknown: int = 0


class ControlResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a request to cancel, pause or resume met.

    `tasks` are in the bus, or on their way to it, and have to be told there. `settled` are the runs that were done with
    at once, nothing of them being in the bus. `send` are the messages that resumed runs go on with; `undecided` are
    resumed runs with waiting steps, about which the recorder has to decide again. `ignored` are the runs that do not
    exist or were in no state for the request.
    """

    tasks: tuple[str, ...] = ()
    settled: tuple[str, ...] = ()
    send: tuple[TaskMessage, ...] = ()
    undecided: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()


class Removed(msgspec.Struct, frozen=True, kw_only=True):
    """What a removal freed; `more` says that there is more of the same to remove."""

    runs: int = 0
    rows: int = 0
    bytes: int = 0
    more: bool = False


# Events, datasources and the catalog


class Matched(msgspec.Struct, frozen=True, kw_only=True):
    """A run that an event started; `run` of None means that the job was skipped, for the `reason`."""

    job: str
    run: str | None = None
    reason: str | None = None


class EventRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An event that was received, as its CloudEvents envelope, and what it matched."""

    seq: int
    id: str
    source: str
    type: str
    subject: str | None
    time: int | None
    received_at: int
    envelope: dict[str, Any]
    matched: tuple[Matched, ...]


class DatasourceRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A storage that is looked after. `options` hold secrets only as references."""

    name: str
    kind: str
    root: str
    options: dict[str, Any] = {}
    marker: str | None = None
    last_sync: dict[str, Any] | None = None
    created_at: int = 0
    updated_at: int = 0


class FolderDigest(msgspec.Struct, frozen=True, kw_only=True):
    """What a sync knows of a folder before it looks into it."""

    id: int
    digest: bytes
    token: str | None


class FolderChange(msgspec.Struct, frozen=True, kw_only=True):
    """A folder as it is now; the path is in bytes from the root, which is the empty path."""

    path: bytes
    digest: bytes
    token: str | None = None
    entry_count: int = 0
    bytes: int = 0


class EntryChange(msgspec.Struct, frozen=True, kw_only=True):
    """An entry as it is now: new, or different from what the catalog has."""

    folder: bytes
    name: bytes
    kind: str
    size: int
    modified_ns: int
    inode: int | None = None
    device: int | None = None
    etag: str | None = None
    hash: str | None = None


class EntryRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An entry as the catalog has it."""

    folder_id: int
    name: bytes
    kind: str
    size: int
    modified_ns: int
    inode: int | None
    device: int | None
    etag: str | None
    hash: str | None
    changed_run: str | None


class CatalogCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How much a catalog has."""

    folders: int
    entries: int
    bytes: int


# People


class UserRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A person or a service that may do something."""

    name: str
    label: str
    role: str
    created_at: int
    enabled: bool = True
    password_hash: str | None = None


class TokenRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A secret that stands for a user, without the secret."""

    id: str
    user: str
    label: str
    purpose: str
    role: str
    created_at: int
    expires_at: int | None = None
    used_at: int | None = None


class Deed(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the audit: who did what to what, from where."""

    at: int
    who: str
    action: str
    target: str
    address: str | None = None
    detail: dict[str, Any] = {}
    seq: int = 0
