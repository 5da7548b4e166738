"""What passes between scheduler and workers: the task to do, and what became of it.

A message holds ids, names and paths, never contents. Encoded, neither is larger than `MAX_MESSAGE_BYTES`.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from rota.errors import InvalidMessage
from rota.runs import Failure, Progress

Priority = Literal["high", "normal", "low"]
OutcomeKind = Literal["started", "progress", "log", "checkpoint", "finished"]
Level = Literal["debug", "info", "warning", "error"]

MAX_MESSAGE_BYTES = 256 * 1024
"""The most that one encoded message may take; a report of 64 KB with its log lines fits."""


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How often a failed attempt is repeated, and when.

    `max` counts the repeats, so 0 means one attempt. The nth repeat waits `backoff_ms * factor ** (n - 1)`, at most
    `max_backoff_ms`, moved by up to the share `jitter` in either direction.
    """

    max: int = 0
    backoff_ms: int = 30_000
    factor: float = 2.0
    max_backoff_ms: int = 3_600_000
    jitter: float = 0.1


class TaskMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One task for a worker: which actor, with what parameters, and under which rules.

    `task` is also the id of its message in the bus. `started_by` is the person who started the run, where one did.
    `attempt` is the number of the try that this message asks for, `state` the checkpoint that an earlier one left,
    `chain` the jobs whose events led here. `timeout_ms` of None means the actor's own limit.
    """

    task: str
    run: str
    job: str
    step: str
    actor: str
    queue: str
    params: dict[str, Any] = {}
    priority: Priority = "normal"
    attempt: int = 1
    owner: str = ""
    started_by: str | None = None
    timeout_ms: int | None = None
    retries: RetryPolicy = RetryPolicy()
    state: Any = None
    chain: tuple[str, ...] = ()


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line that an actor logged; `n` is its running number within the attempt, from 1."""

    n: int
    at: int
    level: Level
    message: str


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a worker reports about an attempt.

    `fence` is the number of the lease it worked under; the store refuses what comes from an older one. For `finished`,
    `state` is what the task becomes: succeeded, failed, cancelled, retrying (then `retry_at` says when), paused, or
    queued when it was handed back.
    """

    kind: OutcomeKind
    task: str
    run: str
    fence: int
    attempt: int
    worker: str
    at: int
    started_at: int | None = None
    state: str | None = None
    result: Any = None
    error: Failure | None = None
    progress: Progress | None = None
    lines: tuple[LogLine, ...] = ()
    checkpoint: Any = None
    retry_at: int | None = None
    reason: str | None = None


_encoder = msgspec.json.Encoder()
_outcome_decoder = msgspec.json.Decoder(Outcome)
_task_decoder = msgspec.json.Decoder(TaskMessage)


def encode(message: TaskMessage | Outcome) -> bytes:
    """Return the message as JSON; InvalidMessage if a value in it has no JSON form or it is too large."""
    try:
        data = _encoder.encode(message)
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError) as error:
        raise InvalidMessage(f"cannot be written as JSON: {error}") from error
    if len(data) > MAX_MESSAGE_BYTES:
        raise InvalidMessage(f"takes {len(data)} bytes, allowed are {MAX_MESSAGE_BYTES}")
    return data


def decode_task(data: bytes | str) -> TaskMessage:
    """Return the task that `encode` wrote; InvalidMessage if it is anything else."""
    try:
        return _task_decoder.decode(data)
    except (ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise InvalidMessage(f"not a task: {error}") from error


def decode_outcome(data: bytes | str) -> Outcome:
    """Return the outcome that `encode` wrote; InvalidMessage if it is anything else."""
    try:
        return _outcome_decoder.decode(data)
    except (ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise InvalidMessage(f"not an outcome: {error}") from error
