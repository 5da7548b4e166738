"""What a worker holds, and what it will say when it is done: plain values, no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rota.messages import TaskMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A time-limited right to one message.

    `fence` is checked against every effect; `crashes` says how many workers died holding the message;
    `checkpoint` is the last state that was reported, as JSON, empty when there is none.
    """

    id: str
    queue: str
    fence: int
    crashes: int = 0
    checkpoint: bytes = b""


class Action(StrEnum):
    """What happens to a message when it is settled."""

    ACK = "ack"
    """It is done."""
    AGAIN = "again"
    """It is replaced by a new message with the same id, which waits for a delay."""
    BACK = "back"
    """It waits again as it was, in front of its queue."""
    DEAD = "dead"
    """It is set aside with a reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the coming acknowledgement of a task shall do.

    `outcome` is the encoded outcome that goes to the recorder in the same step; `again` and `delay_ms` belong to
    AGAIN, `reason` and `failure` (the type of the error) to DEAD; a dead task without an outcome is reported as failed.
    """

    action: Action
    outcome: bytes = b""
    again: TaskMessage | None = None
    delay_ms: int = 0
    reason: str = ""
    failure: str = ""


def appetite(*, threads: int, held: int, mean_ms: float | None, work_ms: float = 50.0, most: int = 512) -> int:
    """Return how many more messages a worker should lease.

    As many as make about `work_ms` of work for all threads, at least one for each free thread, never more than
    `most` held; before anything is known about the work (`mean_ms` None) just one for each free thread, and
    long work is never hoarded.
    """
    if mean_ms is None:
        wanted = threads
    else:
        wanted = max(threads, min(most, int(threads * work_ms / max(mean_ms, 0.01))))
    return max(0, wanted - held)
