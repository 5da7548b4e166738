"""What becomes of a task whose body ended: plain functions, no I/O.

| body | task | message |
| --- | --- | --- |
| done | succeeded | done |
| failed, and a repeat is left | retrying | again, with the next attempt's number and the checkpoint, after a delay |
| failed for good | failed | done |
| cancelled (also when it finished in spite of it) | cancelled | done |
| paused | paused | done; the scheduler sends it again when it is resumed |
| stopped with its worker | queued | back in front of its queue, the checkpoint kept |
| out of time | as failed | as failed |
| lease lost | nothing | back, which Redis refuses unless the lease still stands |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from bus.lease import Action, Lease, Verdict
from rota.errors import InvalidMessage
from rota.messages import Outcome, RetryPolicy, TaskMessage, encode
from rota.runs import Failure
from rota.states import RunState
from workers.endings import Ending
from workers.reports import NOTHING, State, Taken
from workers.stops import Stop

#: For a message whose attempt never reached a verdict: better found among the dead letters than lost.
UNDECIDED = Verdict(action=Action.DEAD, reason="its worker reached no verdict", failure="NoVerdict")


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What a verdict depends on besides the ending.

    `asked` is why the body was told to end, if it was; `rest` what it said last, `checkpoint` its newest state;
    `spread` is a random number from -1 to 1 that spreads repeats.
    """

    lease: Lease
    worker: str
    started_at: int
    now: int
    asked: Stop | None = None
    rest: Taken = NOTHING
    checkpoint: State = UNSET
    spread: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The state that an attempt leaves its task in, and what its acknowledgement shall do."""

    state: RunState
    verdict: Verdict


def judge(ending: Ending, task: TaskMessage, at: Circumstances) -> Judgement:
    """Decide what becomes of a task."""
    match at.asked if at.asked in (Stop.CANCELLED, Stop.LEASE_LOST) else ending.stop:
        case Stop.LEASE_LOST:
            return _settled(task, at, RunState.QUEUED, action=Action.BACK, reason="its worker lost the lease")
        case Stop.CANCELLED:
            return _settled(task, at, RunState.CANCELLED, reason="cancelled while it ran")
        case Stop.PAUSED:
            return _settled(task, at, RunState.PAUSED, reason="paused while it ran")
        case Stop.SHUTTING_DOWN:
            return _settled(task, at, RunState.QUEUED, action=Action.BACK, reason="handed back by its worker")
    if ending.how == "done":
        return _settled(task, at, RunState.SUCCEEDED, result=ending.result)
    return _failed(ending, task, at)


def retry_delay_ms(policy: RetryPolicy, attempt: int, spread: float) -> int:
    """Return how long the repeat after the given attempt waits; `spread` (-1 to 1) moves it by the jitter's share."""
    try:
        wanted = policy.backoff_ms * policy.factor ** (attempt - 1)
    except OverflowError:
        wanted = float(policy.max_backoff_ms)
    return max(0, int(min(wanted, policy.max_backoff_ms) * (1 + policy.jitter * spread)))


def checkpoint_of(task: TaskMessage, lease: Lease) -> Any:
    """Return the state from which an attempt continues; what the bus kept is newer than what the message says."""
    return msgspec.json.decode(lease.checkpoint) if lease.checkpoint else task.state


def encode_fitting(outcome: Outcome) -> bytes:
    """Return an outcome as JSON; what makes it too large is left out, least important first."""
    try:
        return encode(outcome)
    except InvalidMessage as error:
        lean = msgspec.structs.replace(outcome, lines=(), progress=None)
        try:
            return encode(lean)
        except InvalidMessage:
            failure = Failure(type="InvalidMessage", message=f"the outcome {error}")
            return encode(msgspec.structs.replace(lean, result=None, checkpoint=None, error=lean.error or failure))


def _failed(ending: Ending, task: TaskMessage, at: Circumstances) -> Judgement:
    if ending.permanent or task.attempt > task.retries.max:
        return _settled(task, at, RunState.FAILED, error=ending.failure)
    delay_ms = ending.delay_ms
    if delay_ms is None:
        delay_ms = retry_delay_ms(task.retries, task.attempt, at.spread)
    delay_ms = max(0, delay_ms)
    state = at.checkpoint if not isinstance(at.checkpoint, UnsetType) else checkpoint_of(task, at.lease)
    outcome = _outcome(task, at, RunState.RETRYING, error=ending.failure, retry_at=at.now + delay_ms)
    again = msgspec.structs.replace(task, attempt=task.attempt + 1, state=state)
    verdict = Verdict(action=Action.AGAIN, outcome=encode_fitting(outcome), again=again, delay_ms=delay_ms)
    return Judgement(state=RunState.RETRYING, verdict=verdict)


def _settled(
    task: TaskMessage, at: Circumstances, state: RunState, *, action: Action = Action.ACK, **said: Any
) -> Judgement:
    outcome = _outcome(task, at, state, **said)
    return Judgement(state=state, verdict=Verdict(action=action, outcome=encode_fitting(outcome)))


def _outcome(task: TaskMessage, at: Circumstances, state: RunState, **said: Any) -> Outcome:
    # Of no use to what has ended.
    useless = isinstance(at.rest.checkpoint, UnsetType) or state in (RunState.SUCCEEDED, RunState.CANCELLED)
    return Outcome(
        kind="finished",
        task=task.task,
        run=task.run,
        fence=at.lease.fence,
        attempt=task.attempt,
        worker=at.worker,
        at=at.now,
        started_at=at.started_at,
        state=state.value,
        progress=at.rest.progress,
        lines=at.rest.lines,
        checkpoint=None if useless else at.rest.checkpoint,
        **said,
    )
