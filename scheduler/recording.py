"""What outcomes make of runs, within one transaction: recorded, the next steps decided, ended runs closed.

Shared by the recorder, by the sweeper (which ends what nobody else can) and by the resuming of runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from rota.errors import RotaError
from rota.events import context_of, decode_structured
from rota.messages import Outcome, TaskMessage, encode
from rota.runs import Failure
from rota.states import RunState
from rota.steps import Decision, decide_next
from scheduler.drafts import context_for, filled, in_one_line, step_message
from scheduler.plans import Plan, StepPlan
from store.queries import events, jobs, outcomes, runs
from store.records import PAUSE, Applied, Closing, ReadyTask, RunSteps, SkippedTask, StepRecord

if TYPE_CHECKING:
    from scheduler.catalogue import Catalogue
    from store.engine import Connection


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
    """What became of a batch: messages to send now that it is committed, and the runs that have ended."""

    applied: Applied = field(default_factory=Applied)
    messages: list[TaskMessage] = field(default_factory=list)
    closed: list[Closed] = field(default_factory=list)


def record(conn: Connection, reported: Sequence[Outcome], *, catalogue: Catalogue, now: int) -> Recorded:
    """Record outcomes and all that follows from them; safe to repeat."""
    recorded = Recorded(applied=outcomes.apply(conn, reported))
    several: dict[str, None] = {}
    closings: list[Closing] = []
    for ended in recorded.applied.ended:
        if ended.task_count > 1:
            several[ended.run] = None
            continue
        closings.append(ended.closing())
        recorded.closed.append(
            Closed(
                run=ended.run,
                job=ended.job,
                job_version=ended.job_version,
                state=ended.state,
                at=ended.at,
                error=ended.error,
            )
        )
    runs.close(conn, closings)
    if several:
        go_on(conn, several, recorded, catalogue=catalogue, now=now)
    _pause_jobs(conn, recorded.closed, catalogue=catalogue, now=now)
    return recorded


def go_on(conn: Connection, run_ids: Iterable[str], into: Recorded, *, catalogue: Catalogue, now: int) -> None:
    """Decide what comes next in runs of several steps, and write it."""
    pending = dict.fromkeys(run_ids)
    while pending:
        following = _Following(conn, catalogue, now)
        for steps in runs.steps_of(conn, pending).values():
            following.decide(steps)
        following.write(into)
        # A step that could not be started has failed: what follows from that is decided in another round.
        pending = dict.fromkeys(outcome.run for outcome in following.failed)


class _Following:
    """One round of decisions about runs of several steps."""

    def __init__(self, conn: Connection, catalogue: Catalogue, now: int) -> None:
        self._conn = conn
        self._catalogue = catalogue
        self._now = now
        self._ready: list[ReadyTask] = []
        self._skipped: list[SkippedTask] = []
        self._closings: list[Closing] = []
        self._closed: list[Closed] = []
        self.failed: list[Outcome] = []

    def decide(self, run: RunSteps) -> None:
        """Decide about one run."""
        plan = self._catalogue.plan_of(self._conn, run.job, run.job_version)
        states = {step.step: step.state for step in run.steps}
        if plan is None:
            decision = _without_plan(states)
        else:
            decision = decide_next(plan.job.steps, states)
        tasks = {step.step: step for step in run.steps}
        for step_id in decision.skip:
            self._skipped.append(
                SkippedTask(task=tasks[step_id].task, at=self._now, reason=_skip_reason(plan, step_id, states))
            )
        if run.cancel_requested != PAUSE and plan is not None:
            for step_id in decision.ready:
                self._make_ready(plan, run, plan.step(step_id), tasks[step_id].task)
        if decision.run_state is not None:
            self._close(run, decision.run_state)

    def write(self, into: Recorded) -> None:
        """Write everything that was decided."""
        conn = self._conn
        runs.skip_tasks(conn, self._skipped)
        runs.release_tasks(conn, self._ready)
        if self.failed:
            outcomes.apply(conn, self.failed)
        runs.close(conn, self._closings)
        failed = {outcome.task for outcome in self.failed}
        into.messages += [ready.message for ready in self._ready if ready.task not in failed]
        into.closed += self._closed

    def _make_ready(self, plan: Plan, run: RunSteps, step: StepPlan, task: str) -> None:
        params, failure = step.params, None
        if plan.problem is not None and not step.queue:
            failure = Failure(type="UnknownActor", message=plan.problem)
        elif step.dynamic:
            try:
                params = filled(step, self._context(plan, run))
            except RotaError as error:
                failure = Failure(type=type(error).__name__, message=in_one_line(error))
        message = step_message(
            step,
            task=task,
            run=run.run,
            job=run.job,
            owner=run.owner,
            priority=run.priority,
            chain=run.chain,
            params=params,
        )
        if failure is None and step.dynamic:
            try:
                encode(message)
            except RotaError as error:
                failure = Failure(type=type(error).__name__, message=f"the filled-in parameters: {error}")
                message = msgspec.structs.replace(message, params=step.params)
        self._ready.append(ReadyTask(task=task, message=message, at=self._now))
        if failure is not None:
            self.failed.append(ended_by_scheduler(message, RunState.FAILED, fence=1, at=self._now, error=failure))

    def _context(self, plan: Plan, run: RunSteps) -> dict[str, Any]:
        return context_for(
            plan,
            run=run.run,
            owner=run.owner,
            params=run.params,
            cause=run.cause,
            event=self._event_of(run),
            steps={step.step: _step_context(step) for step in run.steps},
        )

    def _event_of(self, run: RunSteps) -> Mapping[str, Any] | None:
        if run.cause.event is None:
            return None
        found = events.find(self._conn, source=run.cause.event["source"], event_id=run.cause.event["id"])
        return None if found is None else context_of(decode_structured(found.envelope))

    def _close(self, run: RunSteps, state: RunState) -> None:
        failed = next((step for step in run.steps if step.state is RunState.FAILED), None)
        last = next((step for step in reversed(run.steps) if step.result is not None), None)
        error = failed.error if failed is not None and state is RunState.FAILED else None
        self._closings.append(
            Closing(
                run=run.run,
                state=state,
                at=self._now,
                reason=None if error is None else f"the step {failed.step if failed else ''} failed",
                error=error,
                result=None if last is None else last.result,
            )
        )
        self._closed.append(
            Closed(run=run.run, job=run.job, job_version=run.job_version, state=state, at=self._now, error=error)
        )


def ended_by_scheduler(
    message: TaskMessage,
    state: RunState,
    *,
    fence: int,
    at: int,
    error: Failure | None = None,
    reason: str | None = None,
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
    )


def _step_context(step: StepRecord) -> dict[str, Any]:
    error = None if step.error is None else {"type": step.error.type, "message": step.error.message}
    return {"state": step.state.value, "result": step.result, "error": error}


def _without_plan(states: Mapping[str, RunState]) -> Decision:
    """Decide about a run whose definition is gone: nothing more starts, and it ends when the last step has."""
    waiting = tuple(step for step, state in states.items() if state is RunState.WAITING)
    left = set(states.values()) - {RunState.WAITING}
    open_states = left & {RunState.QUEUED, RunState.RUNNING, RunState.RETRYING, RunState.PAUSED}
    return Decision(skip=waiting, run_state=None if open_states else RunState.FAILED)


def _skip_reason(plan: Plan | None, step_id: str, states: Mapping[str, RunState]) -> str:
    if plan is None:
        return "the definition that the run follows is gone"
    step = plan.job.step(step_id)
    if RunState.CANCELLED in states.values():
        return "the run was cancelled"
    needed = ", ".join(f"{name} {states[name].value}" for name in step.needs if name in states)
    return f"when: {step.when}, and {needed}" if needed else f"when: {step.when}"


def _pause_jobs(conn: Connection, closed: Sequence[Closed], *, catalogue: Catalogue, now: int) -> None:
    """Disable jobs that failed as often in a row as their definition allows."""
    failed = dict.fromkeys(one.job for one in closed if one.state is RunState.FAILED)
    if failed:
        catalogue.refresh(conn)
    for name in failed:
        plan = catalogue.current.plans.get(name)
        most = None if plan is None else plan.job.pause_after_failures
        if most is None:
            continue
        last = runs.last_states(conn, name, most)
        if len(last) == most and set(last) == {RunState.FAILED}:
            reason = f"paused after {most} failed runs in a row" if most > 1 else "paused after a failed run"
            jobs.set_enabled(conn, [name], False, at=now, reason=reason)
