"""The life of a run, and of each task in it: one table says which steps are legal."""

from __future__ import annotations

from enum import StrEnum


class RunState(StrEnum):
    """Where a run or a task is in its life."""

    WAITING = "waiting"
    """Held back by a limit or by an earlier step; no message exists yet."""
    QUEUED = "queued"
    """May start; its message waits in the bus, or is about to be sent."""
    RUNNING = "running"
    """A worker holds the lease and works on it."""
    RETRYING = "retrying"
    """The last attempt failed and the next one is due later."""
    PAUSED = "paused"
    """A person stopped it and it continues from its checkpoint when resumed."""
    SUCCEEDED = "succeeded"
    """Ended, and everything was done."""
    FAILED = "failed"
    """Ended after its last attempt with an error."""
    CANCELLED = "cancelled"
    """Ended because a person or a policy said so."""
    SKIPPED = "skipped"
    """Never started, with a recorded reason."""


INITIAL = frozenset({RunState.WAITING, RunState.QUEUED, RunState.SKIPPED})
"""The states that a run or a task may be born in; a task that is taken over from another run is done from the start."""

TERMINAL = frozenset({RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED, RunState.SKIPPED})
"""The states that nothing leaves."""

OPEN = frozenset(RunState) - TERMINAL
"""The states in which something is still to be done."""

_ATTEMPT_ENDS = frozenset({RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED, RunState.RETRYING, RunState.PAUSED})

TRANSITIONS: dict[RunState, frozenset[RunState]] = {
    RunState.WAITING: frozenset(
        {RunState.QUEUED, RunState.PAUSED, RunState.FAILED, RunState.CANCELLED, RunState.SKIPPED}
    ),
    # Reports are buffered: an attempt that is shorter than the buffer arrives in one piece, so its end may be the first
    # that is heard of it.
    RunState.QUEUED: _ATTEMPT_ENDS | {RunState.RUNNING},
    # Handed back by a worker that stops: queued. Taken over after a lease was lost: running again, with a higher fence.
    RunState.RUNNING: _ATTEMPT_ENDS | {RunState.QUEUED, RunState.RUNNING},
    RunState.RETRYING: _ATTEMPT_ENDS | {RunState.QUEUED, RunState.RUNNING},
    RunState.PAUSED: frozenset({RunState.WAITING, RunState.QUEUED, RunState.CANCELLED, RunState.FAILED}),
    RunState.SUCCEEDED: frozenset(),
    RunState.FAILED: frozenset(),
    RunState.CANCELLED: frozenset(),
    RunState.SKIPPED: frozenset(),
}
"""Every legal step; whatever is not listed is refused and counted."""


def allowed(old: RunState, new: RunState) -> bool:
    """Say whether a run or task may go from `old` to `new`."""
    return new in TRANSITIONS[old]
