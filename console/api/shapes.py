"""The shapes of answers: what other people's tools rely on. Fields are added, never renamed or removed.

They are structs and not models, because lists of them are written far more often than anything is validated;
`console.api.schema` puts them into the OpenAPI document.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Kind = Literal["system", "user"]
EntryKind = Literal["file", "folder", "link"]
IndexState = Literal["not indexed", "building", "up to date", "behind", "switched off"]
DatasourceState = Literal["ok", "never synced", "needs confirmation", "unreachable", "switched off"]
State = Literal["waiting", "queued", "running", "retrying", "paused", "succeeded", "failed", "cancelled", "skipped"]


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """The base of all shapes."""


class LastRunShape(Shape, frozen=True, kw_only=True):
    """The newest run of a job, in short."""

    id: str
    state: State
    ended_at: str | None


class MadeShape(Shape, frozen=True, kw_only=True):
    """The file or folder that a run made, and where it is.

    `urls` are the addresses of a file's content, one for each part of a divided archive and at most 100 of them, or
    that of the entries of a folder.
    """

    datasource: str
    path: str
    kind: Literal["file", "folder"]
    urls: list[str]


class RunShape(Shape, frozen=True, kw_only=True):
    """A run as lists show it."""

    id: str
    job: str
    job_version: int
    owner: str
    kind: Kind
    state: State
    reason: str | None
    cause: dict[str, Any]
    params: dict[str, Any]
    priority: str
    queued_at: str
    started_at: str | None
    ended_at: str | None
    progress: dict[str, Any] | None
    error: dict[str, Any] | None
    result: Any
    made: MadeShape | None
    stop_requested: Literal["cancel", "pause"] | None


class AttemptShape(Shape, frozen=True, kw_only=True):
    """One try of a task; `state` may be `lost` (the worker was) or `queued` (handed back) too."""

    n: int
    worker: str
    state: str
    started_at: str
    ended_at: str | None
    error: dict[str, Any] | None


class TaskShape(Shape, frozen=True, kw_only=True):
    """One step of a run, or one branch of it: `branch` is its place in the list, None for a whole step."""

    id: str
    step: str
    branch: int | None
    item: Any
    actor: str
    queue: str
    state: State
    reason: str | None
    params: dict[str, Any] | None
    progress: dict[str, Any] | None
    error: dict[str, Any] | None
    result: Any
    queued_at: str | None
    started_at: str | None
    ended_at: str | None
    retry_at: str | None
    repeats: int
    attempts: list[AttemptShape]


class RunDetailShape(RunShape, frozen=True, kw_only=True):
    """A run with its tasks and their attempts."""

    tasks: list[TaskShape]


class LogLineShape(Shape, frozen=True, kw_only=True):
    """One line of a run's log."""

    seq: int
    at: str
    level: Literal["debug", "info", "warning", "error"]
    task: str
    message: str


class ChangeShape(Shape, frozen=True, kw_only=True):
    """One field of a definition that was changed; `path` is written as `steps[purge].with.older_than`."""

    path: str
    kind: Literal["added", "removed", "changed"]
    before: Any
    after: Any


Action = Literal["created", "changed", "unchanged", "deleted", "kept"]


class AppliedShape(Shape, frozen=True, kw_only=True):
    """What applying a definition did; a dry run leaves the version as it is, None for a job that does not exist.

    `deleted` and `kept` (with the reason) are jobs that the set held before and holds no more.
    """

    name: str
    version: int | None
    enabled: bool
    changed: bool
    action: Action
    changes: list[ChangeShape] = []
    reason: str | None = None


class VersionShape(Shape, frozen=True, kw_only=True):
    """One definition that a job has or had, and what it changed of the one before."""

    version: int
    at: str
    author: str
    source: str
    definition: dict[str, Any]
    changes: list[ChangeShape]


class TickShape(Shape, frozen=True, kw_only=True):
    """A time at which a job is due; `index` tells which of its triggers says so."""

    due: str
    trigger: str
    index: int


class JobTickShape(Shape, frozen=True, kw_only=True):
    """A time at which one of all jobs is due."""

    due: str
    job: str
    trigger: str


class FindingShape(Shape, frozen=True, kw_only=True):
    """What became of one tick; `run` is its run, or the record that it was skipped."""

    due: str
    trigger: str
    said: str
    run: str | None
    state: State | None


class ExplanationShape(Shape, frozen=True, kw_only=True):
    """Why a job ran or did not. Where nothing was due, `said` tells so, with the due times before and after."""

    job: str
    at: str
    until: str
    findings: list[FindingShape]
    said: str | None
    before: str | None
    after: str | None


class BackfillShape(Shape, frozen=True, kw_only=True):
    """What a backfill came to: ticks in the range, those that had their run already, the others, and their runs."""

    due: int
    done: int
    ticks: list[str]
    runs: list[str]


class PauseShape(Shape, frozen=True, kw_only=True):
    """Whether everything is paused."""

    paused: bool
    since: str | None
    person: str | None
    reason: str | None


class EventShape(Shape, frozen=True, kw_only=True):
    """An event that was received, and the runs that it started."""

    seq: int
    id: str
    source: str
    type: str
    subject: str | None
    time: str | None
    received_at: str
    data: Any
    matched: list[dict[str, Any]]


class HookShape(Shape, frozen=True, kw_only=True):
    """An address at which a service may publish events of one type."""

    slug: str
    label: str
    event: str
    path: str
    enabled: bool
    created_at: str
    created_by: str
    used_at: str | None


class NewHookShape(HookShape, frozen=True, kw_only=True):
    """A hook with its token, which is shown when it is made and never again."""

    token: str


class IndexLagShape(Shape, frozen=True, kw_only=True):
    """How far an index is behind the catalog: folders that changed, and since when the oldest change waits."""

    folders: int
    since: str | None
    seconds: float


class IndexShape(Shape, frozen=True, kw_only=True):
    """How it stands with the search in a datasource.

    `documents` and `bytes` are as the last run left them; `language` and `contents` are what the index was built for,
    and `unread` counts the files that gave no text.
    """

    state: IndexState
    engine: str
    documents: int
    bytes: int
    language: str | None
    contents: bool | None
    lag: IndexLagShape
    unread: int
    last_run: dict[str, Any] | None
    last_check: dict[str, Any] | None


class UnreadShape(Shape, frozen=True, kw_only=True):
    """A file that is found by its name only, because it gave no text; `raw` is as that of an entry."""

    path: str
    raw: str | None
    reason: str
    message: str
    at: str
    run: str | None


class RecycledShape(Shape, frozen=True, kw_only=True):
    """How much is in the bin of a datasource, and how the last purge of it went.

    `held` counts the items that somebody has put on hold; those that a pattern of the rules holds are not among them.
    """

    items: int
    bytes: int
    held: int
    last_purge: dict[str, Any] | None
    doubt: dict[str, Any] | None


class DatasourceShape(Shape, frozen=True, kw_only=True):
    """A storage that is looked after: its definition, with every default, and what became of it.

    `entries` and `bytes` are what the catalog has of it; `marked` tells whether its root must hold the right marker.
    """

    name: str
    label: str
    kind: str
    root: str
    options: dict[str, Any]
    include: list[str]
    exclude: list[str]
    max_deleted: float
    allow_private: bool
    watch: bool
    index: bool
    contents: bool
    language: str
    largest_read: int
    bin: dict[str, Any]
    homes: str | None
    enabled: bool
    queue: str | None
    state: DatasourceState
    marked: bool
    entries: int
    bytes: int
    recycled: RecycledShape
    last_sync: dict[str, Any] | None
    doubt: dict[str, Any] | None
    unreachable: dict[str, Any] | None
    search: IndexShape
    created_at: str
    updated_at: str


class EntryShape(Shape, frozen=True, kw_only=True):
    """One file, folder or link; `path` is relative to the datasource.

    Of a folder, `size` and `entries` count everything below it. `raw` is there where the path is not UTF-8: it leads
    there, and `path` has replacement characters.
    """

    path: str
    kind: EntryKind
    size: int
    modified: str
    etag: str | None
    hash: str | None
    entries: int | None
    raw: str | None


class EventLagShape(Shape, frozen=True, kw_only=True):
    """How far matching is behind: events that wait, how long the oldest has, and entries that were set aside."""

    waiting: int
    oldest_seconds: float | None
    dead: int
