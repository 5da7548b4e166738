"""What comes next in runs, decided from the states of their tasks and written within one transaction.

A run of one plain step never comes here. Of the others each round looks at all steps: it queues what is ready, makes
the branches of steps with for_each, lets the next branches start, skips what will not run, and closes what has ended. A
step that the scheduler ends itself (an expression failed, a list was empty) asks for another round.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from rota.branches import free_branches
from rota.errors import RotaError
from rota.ids import new_id
from rota.messages import Outcome, TaskMessage
from rota.runs import Failure
from rota.states import TERMINAL, RunState
from rota.steps import Decision, decide_next, taken_over
from scheduler.admission.filling import in_one_line
from scheduler.admission.queues import Queues
from scheduler.runs.endings import Closed, Recorded, closing_of, ended_by_scheduler
from scheduler.runs.preparing import Work
from store.queries import outcomes, runs
from store.records import PAUSE, Closing, Fan, NewTask, ReadyTask, RunSteps, SkippedTask

if TYPE_CHECKING:
    from scheduler.jobs.plans import Plan, StepPlan
    from store.engine import Connection

#: Waiting branches read at a time, once those that were to start could not.
_PAGE = 50
_CANCELLED = "the run was cancelled"
_GONE = "the definition that the run follows is gone"


class Plans(Protocol):
    """Who knows the plans that runs follow, such as the catalogue."""

    def plan_of(self, conn: Connection, name: str, version: int) -> Plan | None:
        """Return the plan of a version of a job; None if its definition is gone."""


class PlansAtHand:
    """Plans of the current versions, as admission has them."""

    def __init__(self, plans: Mapping[str, Plan]) -> None:
        self._plans = plans

    def plan_of(self, conn: Connection, name: str, version: int) -> Plan | None:
        """Return the plan if it is of this version."""
        plan = self._plans.get(name)
        return plan if plan is not None and plan.version == version else None


def go_on(conn: Connection, run_ids: Iterable[str], into: Recorded, *, catalogue: Plans, now: int) -> None:
    """Decide what comes next in these runs, and write it; those that wait for a slot or for their time are left."""
    pending = dict.fromkeys(run_ids)
    while pending:
        following = _Following(conn, catalogue, now)
        for steps in runs.steps_of(conn, pending).values():
            following.decide(steps)
        following.write(into)
        pending = following.again


def take_over(conn: Connection, run: str, *, of: str, plan: Plan, now: int) -> None:
    """Give a new run, whose tasks all wait, what still counts of an ended one of the same version."""
    ended = runs.steps_of(conn, [of])[of]
    kept = taken_over(plan.job.steps, ended.states())
    runs.take_over(conn, run=run, of=of, whole=kept.whole, partly=kept.partly, at=now)


class _Following:
    """One round of decisions."""

    def __init__(self, conn: Connection, catalogue: Plans, now: int) -> None:
        self._conn = conn
        self._catalogue = catalogue
        self._now = now
        self._queues = Queues(conn)
        self._ready: list[ReadyTask] = []
        self._fans: list[Fan] = []
        self._skipped: list[SkippedTask] = []
        self._begun: dict[str, RunState] = {}
        self._closings: list[Closing] = []
        self._closed: list[Closed] = []
        self._ended: list[Outcome] = []
        #: Runs of which the scheduler ended something itself, which decides about the rest of them.
        self.again: dict[str, None] = {}

    def decide(self, run: RunSteps) -> None:
        """Decide about one run."""
        if run.state in TERMINAL:
            return
        if run.wait_key is not None or (run.state is RunState.WAITING and (run.start_at or 0) > self._now):
            return
        plan = self._catalogue.plan_of(self._conn, run.job, run.job_version)
        states = run.states()
        if plan is None:
            decision = _without_plan(states)
            self._skip(run, decision.skip, states, None)
            self._skip_branches(run, _GONE)
        else:
            decision = self._follow(Work(self._conn, plan, run, queues=self._queues), states)
        # One that just failed is not in the store yet: the next round closes the run with what it says.
        if decision.run_state is not None and not decision.failed:
            self._close(run, decision.run_state, plan)

    def write(self, into: Recorded) -> None:
        """Write everything that was decided."""
        conn = self._conn
        runs.skip_tasks(conn, self._skipped)
        runs.fan_out(conn, self._fans)
        runs.release_tasks(conn, self._ready)
        if self._ended:
            outcomes.apply(conn, self._ended)
        runs.begin_runs(conn, self._begun)
        runs.close(conn, self._closings)
        ended = {outcome.task for outcome in self._ended}
        fanned = [branch.message for fan in self._fans for branch in fan.branches if branch.message is not None]
        messages = [*(ready.message for ready in self._ready), *fanned]
        into.messages += [message for message in messages if message.task not in ended]
        into.closed += self._closed

    def _follow(self, work: Work, states: Mapping[str, RunState]) -> Decision:
        run = work.run
        cancelled = any(RunState.CANCELLED in counts for counts in run.branches.values())
        decision = decide_next(work.plan.job.steps, states, work.holds, cancelled=cancelled)
        self._skip(run, decision.skip, states, work.plan)
        for step_id, reason in decision.failed:
            error = Failure(type="ExpressionFailed", message=f"when: {reason}")
            self._end(work, work.plan.step(step_id), RunState.FAILED, error=error)
        if cancelled or RunState.CANCELLED in states.values():
            self._skip_branches(run, _CANCELLED)
        elif run.cancel_requested != PAUSE:
            self._start(work, decision.ready)
        return decision

    def _start(self, work: Work, ready: Sequence[str]) -> None:
        for step in map(work.plan.step, ready):
            if step.items is None:
                self._release(work, step, work.tasks[step.id])
            else:
                self._fan_out(work, step)
        for step_id, counts in work.run.branches.items():
            step = work.plan.step(step_id)
            self._start_branches(work, step, free_branches(counts, step.parallel))

    def _start_branches(self, work: Work, step: StepPlan, free: int) -> None:
        """Let the next branches start. One that cannot takes no place; a thousand of those need no round each."""
        after, limit = -1, free
        while free and (waiting := runs.waiting_branches(self._conn, work.run.run, step.id, after=after, limit=limit)):
            for branch in waiting:
                if free:
                    free -= self._release(work, step, branch.task, item=branch.item, index=branch.branch)
            after, limit = waiting[-1].branch, _PAGE

    def _release(self, work: Work, step: StepPlan, task: str, **branch: Any) -> bool:
        """Queue a waiting task; False if it failed instead."""
        message, failure = work.prepare(step, task, branch)
        self._ready.append(ReadyTask(task=task, message=message, at=self._now))
        self._begin(work.run)
        if failure is not None:
            self._end_now(message, RunState.FAILED, error=failure)
        return failure is None

    def _fan_out(self, work: Work, step: StepPlan) -> None:
        """Make the branches of a step; as many as may be under way at once start."""
        try:
            items = work.items(step)
        except RotaError as error:
            failure = Failure(type=type(error).__name__, message=in_one_line(error))
            self._end(work, step, RunState.FAILED, error=failure)
            return
        if not items:
            self._end(work, step, RunState.SUCCEEDED, result=[], reason="for_each: the list is empty")
            return
        branches: list[NewTask] = []
        free = step.parallel
        for index, item in enumerate(items):
            branch = work.branch(step, work.tasks[step.id] if index == 0 else new_id(), index, item)
            if free > 0:
                message, failed = work.prepare(step, branch.id, {"item": item, "index": index})
                branch = msgspec.structs.replace(branch, state=RunState.QUEUED, message=message, queue=message.queue)
                if failed is None:
                    free -= 1
                else:
                    self._end_now(message, RunState.FAILED, error=failed)
            branches.append(branch)
        self._fans.append(Fan(run=work.run.run, branches=tuple(branches), at=self._now))
        self._begin(work.run)

    def _begin(self, run: RunSteps) -> None:
        if run.state is RunState.WAITING:
            self._begun[run.run] = RunState.QUEUED if run.started_at is None else RunState.RUNNING

    def _end(self, work: Work, step: StepPlan, state: RunState, **said: Any) -> None:
        """End a waiting step without a worker."""
        message = work.message(step, work.tasks[step.id])
        self._ready.append(ReadyTask(task=message.task, message=message, at=self._now))
        self._end_now(message, state, **said)

    def _end_now(self, message: TaskMessage, state: RunState, **said: Any) -> None:
        self._ended.append(ended_by_scheduler(message, state, fence=1, at=self._now, **said))
        self.again[message.run] = None

    def _skip(self, run: RunSteps, skipped: Sequence[str], states: Mapping[str, RunState], plan: Plan | None) -> None:
        known = {**states, **dict.fromkeys(skipped, RunState.SKIPPED)}
        tasks = {step.step: step.task for step in run.steps}
        for step_id in skipped:
            reason = _GONE if plan is None else _skip_reason(plan, step_id, known)
            self._skipped.append(SkippedTask(task=tasks[step_id], at=self._now, reason=reason))

    def _skip_branches(self, run: RunSteps, reason: str) -> None:
        for step, counts in run.branches.items():
            if RunState.WAITING in counts:
                runs.skip_branches(self._conn, run.run, step, at=self._now, reason=reason)
                self.again[run.run] = None

    def _close(self, run: RunSteps, state: RunState, plan: Plan | None) -> None:
        closing = closing_of(self._conn, run, state, plan=plan, at=self._now)
        self._closings.append(closing)
        self._closed.append(
            Closed(
                run=run.run, job=run.job, job_version=run.job_version, state=state, at=self._now, error=closing.error
            )
        )


def _without_plan(states: Mapping[str, RunState]) -> Decision:
    """Decide about a run whose definition is gone: nothing more starts, and it ends when the last step has."""
    waiting = tuple(step for step, state in states.items() if state is RunState.WAITING)
    under_way = set(states.values()) - TERMINAL - {RunState.WAITING}
    return Decision(skip=waiting, run_state=None if under_way else RunState.FAILED)


def _skip_reason(plan: Plan, step_id: str, states: Mapping[str, RunState]) -> str:
    step = plan.job.step(step_id)
    if RunState.CANCELLED in states.values():
        return _CANCELLED
    if plan.step(step_id).condition is not None:
        return f"when: {step.when} was false"
    needed = ", ".join(f"{name} {states[name].value}" for name in step.needs if name in states)
    return f"when: {step.when}, and {needed}" if needed else f"when: {step.when}"
