"""How runs end: what is remembered of one, and what is told of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rota.branches import state_of_branches
from rota.messages import Outcome, TaskMessage
from rota.runs import MAX_TEXT_BYTES, Failure
from rota.states import RunState
from store.queries import runs
from store.records import Applied, Closing

if TYPE_CHECKING:
    from scheduler.jobs.plans import Plan
    from store.engine import Connection
    from store.records import RunSteps

#: Kept free within the bound of a result, for saying that there are more of them.
_NOTE_BYTES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """A run that has ended."""

    run: str
    job: str
    job_version: int
    state: RunState
    at: int
    error: Failure | None


@dataclass(slots=True)
class Recorded:
    """What became of a batch: messages to send now that it is committed, and the runs that have ended.

    `delays` says by task how long (ms) a message has to wait first.
    """

    applied: Applied = field(default_factory=Applied)
    messages: list[TaskMessage] = field(default_factory=list)
    delays: dict[str, int] = field(default_factory=dict)
    closed: list[Closed] = field(default_factory=list)


def ended_by_scheduler(
    message: TaskMessage,
    state: RunState,
    *,
    fence: int,
    at: int,
    error: Failure | None = None,
    reason: str | None = None,
    result: Any = None,
) -> Outcome:
    """Return the end of a task that no worker holds, as the bus would report it."""
    return Outcome(
        kind="finished",
        task=message.task,
        run=message.run,
        fence=fence,
        attempt=message.attempt,
        worker="",
        at=at,
        state=state.value,
        error=error,
        reason=reason,
        result=result,
    )


def closing_of(conn: Connection, run: RunSteps, state: RunState, *, plan: Plan | None, at: int) -> Closing:
    """Return how a run of several tasks ends: its error is that of the first step that failed, its result the last."""
    order = [step.step for step in run.steps] if plan is None else [step.id for step in plan.steps]
    error, reason = None, None
    if state is RunState.FAILED:
        error, reason = _failure(conn, run, order)
    return Closing(run=run.run, state=state, at=at, reason=reason, error=error, result=_result(conn, run, order))


def _failure(conn: Connection, run: RunSteps, order: list[str]) -> tuple[Failure | None, str | None]:
    whole = {step.step: step for step in run.steps}
    for name in order:
        if name in whole and whole[name].state is RunState.FAILED:
            return whole[name].error, f"the step {name} failed"
        counts = run.branches.get(name, {})
        if counts and state_of_branches(counts) is RunState.FAILED:
            said = f"{counts[RunState.FAILED]} of {sum(counts.values())} branches did"
            return runs.first_failure(conn, run.run, name), f"the step {name} failed: {said}"
    return None, None


def _result(conn: Connection, run: RunSteps, order: list[str]) -> Any:
    whole = {step.step: step.result for step in run.steps}
    for name in reversed(order):
        result = _joint_result(conn, run, name) if name in run.branches else whole.get(name)
        if result is not None:
            return result
    return None


def _joint_result(conn: Connection, run: RunSteps, step: str) -> list[Any] | None:
    """Return the results of a step's branches as one list, which is cut like any other result that is too large."""
    results, complete = runs.branch_results(conn, run.run, step, most_bytes=MAX_TEXT_BYTES - _NOTE_BYTES)
    if not complete:
        total = sum(run.branches[step].values())
        return [*results, f"[… {total - len(results)} more of {total}, each is with its branch]"]
    return results if any(result is not None for result in results) else None
