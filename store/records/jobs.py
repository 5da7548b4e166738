"""Jobs and ticks as the store hands them out.

Times are milliseconds UTC; `*_at` of None means that it has not happened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from rota.states import RunState

if TYPE_CHECKING:
    from rota.jobs import Job


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


class CurrentJob(msgspec.Struct, frozen=True, kw_only=True):
    """What a scheduler has to know of a job: its definition and its switch."""

    name: str
    version: int
    enabled: bool
    enabled_at: int
    definition: dict[str, Any]


class ChangedJob(msgspec.Struct, frozen=True, kw_only=True):
    """That a job changed, and at which revision; `listens` says whether a trigger of it waits for events."""

    name: str
    revision: int
    listens: bool


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """Since when nothing new is started, who wanted it so, and why."""

    at: int
    person: str
    reason: str | None = None


class Switch(msgspec.Struct, frozen=True, kw_only=True):
    """That a job, or everything, was switched; `person` is None where a rule did it."""

    at: int
    enabled: bool
    person: str | None = None
    reason: str | None = None


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    """Where the definitions stand: `value` grows with every change of one.

    `deleted` is the value at the last deletion, `followed` the one up to which the ticks follow the definitions.
    """

    value: int
    deleted: int
    followed: int
    pause: Pause | None = None


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
