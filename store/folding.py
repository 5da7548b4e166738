"""What a batch of outcomes makes of its tasks, decided before anything is written.

Outcomes of one task come in the order in which they were reported, but a batch may be read twice (the recorder died
between its commit and its acknowledgement), and a worker that lost its lease may still talk. So each outcome is held
against the task as it stands by then:

- a lower fence than the task's is refused: somebody newer has the task;
- a higher one begins an attempt; the one before it, if it never ended, is marked as lost;
- the same one belongs to the attempt under way, or was recorded before and changes nothing.

Nothing leaves a terminal state, and every other step must be legal in `rota.states`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from rota.messages import Outcome
from rota.runs import MAX_MESSAGE_BYTES, Failure, Progress, cut_middle, plain_text
from rota.states import TERMINAL, RunState, allowed

MAX_LINES = 10_000
"""Log lines kept of one attempt; the last of them says that the rest was dropped."""

# What an attempt may end as; `running` would be legal for the task and is no end.
_ENDS = {
    state.value: state
    for state in (
        RunState.SUCCEEDED,
        RunState.FAILED,
        RunState.CANCELLED,
        RunState.RETRYING,
        RunState.PAUSED,
        RunState.QUEUED,
    )
}
_MAX_FENCE = 2**63 - 1
_MAX_NUMBER = 2**31 - 1


@dataclass(slots=True, kw_only=True)
class Task:
    """A task as it stands in the store, and as the batch changes it. JSON values None are not there."""

    id: str
    run: str
    step: str
    branch: int
    state: RunState
    reason: str | None
    attempt: int
    fence: int
    repeats: int
    checkpoint: Any
    progress: Progress | None
    error: Failure | None
    result: Any
    started_at: int | None
    ended_at: int | None
    retry_at: int | None
    worker: str | None
    changed: bool = False
    lost_at: int | None = None
    """When the attempt that the store knows as running was seen to be lost."""


@dataclass(slots=True, kw_only=True)
class Attempt:
    """One attempt that the batch began or ended."""

    n: int
    run: str
    worker: str
    started_at: int
    ended_at: int | None = None
    state: str = "running"
    error: Failure | None = None


@dataclass(slots=True)
class Folded:
    """What has to be written."""

    tasks: dict[str, Task]
    attempts: dict[tuple[str, int], Attempt] = field(default_factory=dict)
    lines: list[dict[str, Any]] = field(default_factory=list)
    ended: list[Task] = field(default_factory=list)
    started: int = 0
    refused: int = 0
    repeated: int = 0
    unknown: int = 0


def fold(tasks: dict[str, Task], outcomes: Iterable[Outcome]) -> Folded:
    """Apply outcomes in their order to the tasks they are about."""
    folded = Folded(tasks)
    for outcome in outcomes:
        task = tasks.get(outcome.task)
        if task is None:
            folded.unknown += 1
        elif outcome.fence < task.fence or not _plausible(outcome):
            folded.refused += 1
        elif outcome.fence > task.fence:
            _new_fence(folded, task, outcome)
        else:
            _same_fence(folded, task, outcome)
    return folded


def _plausible(outcome: Outcome) -> bool:
    """Say whether the numbers fit the columns: one that doesn't would have the whole batch refused, for ever."""
    return (
        0 < outcome.fence <= _MAX_FENCE
        and 0 <= outcome.attempt <= _MAX_NUMBER
        and all(
            -_MAX_FENCE <= at <= _MAX_FENCE
            for at in (outcome.at, outcome.started_at, outcome.retry_at)
            if at is not None
        )
    )


def _new_fence(folded: Folded, task: Task, outcome: Outcome) -> None:
    final = _final_state(outcome)
    # The bus reports itself what it dropped before anybody held it: there was no attempt then.
    unheld = outcome.kind == "finished" and not outcome.worker
    through = task.state if unheld else RunState.RUNNING
    legal = unheld or allowed(task.state, RunState.RUNNING)
    if not legal or (outcome.kind == "finished" and (final is None or not allowed(through, final))):
        folded.refused += 1
        return
    if task.state is RunState.RUNNING:
        _lose_attempt(folded, task, outcome)
    if not unheld:
        _begin(folded, task, outcome)
    task.fence = outcome.fence
    task.changed = True
    if final is not None:
        _finish(folded, task, outcome, final)
    else:
        _take_in(folded, task, outcome)


def _same_fence(folded: Folded, task: Task, outcome: Outcome) -> None:
    if task.state is not RunState.RUNNING:
        # Its end is recorded. Lines that were buffered until after it are still its own, and go in once.
        _keep_lines(folded, task, outcome)
        folded.repeated += 1
    elif outcome.kind != "finished":
        folded.repeated += outcome.kind == "started"
        _take_in(folded, task, outcome)
    elif (final := _final_state(outcome)) is None or not allowed(task.state, final):
        folded.refused += 1
    else:
        _finish(folded, task, outcome, final)


def _final_state(outcome: Outcome) -> RunState | None:
    if outcome.kind != "finished" or outcome.state is None:
        return None
    return _ENDS.get(outcome.state)


def _lose_attempt(folded: Folded, task: Task, outcome: Outcome) -> None:
    """End the attempt under way, of which nobody reported the end: its worker and its message were lost together."""
    before = folded.attempts.get((task.id, task.fence))
    if before is None:
        task.lost_at = outcome.at
    else:
        before.state, before.ended_at = "lost", outcome.at


def _begin(folded: Folded, task: Task, outcome: Outcome) -> None:
    at = outcome.at if outcome.started_at is None else outcome.started_at
    if task.state is RunState.RUNNING:
        task.repeats += outcome.attempt == task.attempt
    task.state = RunState.RUNNING
    task.attempt = outcome.attempt
    task.worker = outcome.worker
    task.retry_at = None
    if task.started_at is None:
        task.started_at = at
    folded.attempts[task.id, outcome.fence] = Attempt(
        n=outcome.attempt, run=task.run, worker=outcome.worker, started_at=at
    )
    folded.started += 1


def _take_in(folded: Folded, task: Task, outcome: Outcome) -> None:
    """Keep what any report may carry."""
    _keep_lines(folded, task, outcome)
    if outcome.progress is not None:
        task.progress = outcome.progress
        task.changed = True
    if outcome.checkpoint is not None:
        task.checkpoint = outcome.checkpoint
        task.changed = True


def _keep_lines(folded: Folded, task: Task, outcome: Outcome) -> None:
    for line in outcome.lines:
        if not 0 <= line.n <= MAX_LINES:
            continue
        text = line.message
        if line.n == MAX_LINES:
            text = f"this attempt logged more than {MAX_LINES} lines: the rest was dropped"
        folded.lines.append(
            {
                "run": task.run,
                "task": task.id,
                "fence": outcome.fence,
                "n": line.n,
                "at": line.at,
                "level": line.level,
                "message": cut_middle(plain_text(text), MAX_MESSAGE_BYTES),
            }
        )


def _finish(folded: Folded, task: Task, outcome: Outcome, final: RunState) -> None:
    _take_in(folded, task, outcome)
    # A worker hands back without an error; one that the bus speaks for was lost.
    lost = final is RunState.QUEUED and outcome.error is not None
    if outcome.worker:
        attempt = folded.attempts.get((task.id, outcome.fence)) or _known_attempt(folded, task, outcome)
        attempt.ended_at = outcome.at
        attempt.state = "lost" if lost else final.value
        attempt.error = outcome.error
    task.repeats += lost
    task.state = final
    task.changed = True
    task.reason = None if outcome.reason is None else plain_text(outcome.reason)
    if final is RunState.RETRYING:
        task.retry_at = outcome.retry_at
    elif outcome.worker or final in TERMINAL:
        task.retry_at = None
    # Else it stays: a pause between two attempts must not give back the one that failed.
    if outcome.error is not None:
        task.error = outcome.error
    if final in TERMINAL:
        task.ended_at = outcome.at
        task.result = outcome.result
        if final is RunState.SUCCEEDED:
            task.error = task.checkpoint = None
        folded.ended.append(task)


def _known_attempt(folded: Folded, task: Task, outcome: Outcome) -> Attempt:
    """Give an attempt whose begin is in the store already; only its end will be written."""
    began = outcome.at if outcome.started_at is None else outcome.started_at
    attempt = Attempt(n=outcome.attempt, run=task.run, worker=outcome.worker, started_at=began)
    folded.attempts[task.id, outcome.fence] = attempt
    return attempt
