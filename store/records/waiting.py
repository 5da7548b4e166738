"""Runs that hold, or wait for, the slots of limited keys."""

from __future__ import annotations

from typing import Any

import msgspec

from rota.messages import Priority, TaskMessage
from rota.states import RunState


class SlotRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A slot that is held; `cancelled` means that its run was asked to cancel."""

    key: str
    number: int
    run: str
    job: str
    cancelled: bool


class LineRecord(msgspec.Struct, frozen=True, kw_only=True):
    """How many runs wait for a key, `first` the longest.

    `ready` of them are not paused; those could use the slots below `widest`.
    """

    count: int
    first: str
    ready: int
    widest: int


class WaitingRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that waits for a slot of `key`, below `limit`."""

    run: str
    key: str
    limit: int
    priority: Priority


class WaitingDetail(msgspec.Struct, frozen=True, kw_only=True):
    """What has to be known of a run to start it.

    `person` is whose doing it is: who started it, or else its owner. `messages` are those of steps that it begins with,
    `start_at` its turn if it waits for one.
    """

    run: str
    job: str
    job_version: int
    person: str
    params: dict[str, Any]
    messages: tuple[TaskMessage, ...]
    start_at: int | None


class Promotion(msgspec.Struct, frozen=True, kw_only=True):
    """A slot for a run that waited. It goes on waiting until `start_at` unless it is `queued`."""

    run: str
    slot_no: int
    queued: bool = True
    start_at: int | None = None
    timeout_at: int | None = None


class EndedRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that was ended in the store, without a report of its tasks."""

    run: str
    job: str
    job_version: int
    state: RunState
    at: int


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """What a termination ended: the runs, and their tasks that the bus may hold."""

    runs: tuple[EndedRun, ...] = ()
    tasks: tuple[str, ...] = ()
