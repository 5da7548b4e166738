"""One run that goes on: its conditions and lists evaluated, its tasks filled in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from rota.errors import RotaError
from rota.jobs import Step
from rota.messages import TaskMessage, encode
from rota.runs import Failure
from rota.states import RunState
from scheduler.admission.filling import filled, in_one_line, items_of, step_message
from scheduler.runs.values import Values
from store.records import NewTask

if TYPE_CHECKING:
    from scheduler.admission.queues import Queues
    from scheduler.jobs.plans import Plan, StepPlan
    from store.engine import Connection
    from store.records import RunSteps


class Work:
    """A run with the plan that it follows; `tasks` are the ids of its whole steps."""

    def __init__(self, conn: Connection, plan: Plan, run: RunSteps, *, queues: Queues) -> None:
        self.plan = plan
        self._queues = queues
        self.run = run
        self.tasks = {step.step: step.task for step in run.steps}
        self._values = Values(conn, plan, run)

    def holds(self, step: Step, states: Mapping[str, RunState]) -> bool:
        """Say whether the condition of a step is true; ExpressionFailed if it has no value, or another one."""
        condition = self.plan.step(step.id).condition
        assert condition is not None
        return condition.holds(self._values.named(condition.names, states))

    def items(self, step: StepPlan) -> list[Any]:
        """Return what a step runs once for each of; ExpressionFailed if that is no list, or too long."""
        assert step.items is not None
        return items_of(step.items, self._values.named(step.items.names))

    def prepare(self, step: StepPlan, task: str, branch: Mapping[str, Any]) -> tuple[TaskMessage, Failure | None]:
        """Return the message of a task, and why it cannot be sent; `branch` are the values of item and index."""
        message = self.message(step, task)
        if self.plan.problem is not None and not step.queue:
            return message, Failure(type="UnknownActor", message=self.plan.problem)
        if not step.dynamic:
            return msgspec.structs.replace(message, queue=self._queues.of(step, step.params)), None
        try:
            params = filled(step, {**self._values.named(step.names), **branch})
        except RotaError as error:
            return message, Failure(type=type(error).__name__, message=in_one_line(error))
        full = msgspec.structs.replace(message, params=params, queue=self._queues.of(step, params))
        try:
            encode(full)
        except RotaError as error:
            return message, Failure(type=type(error).__name__, message=f"the filled-in parameters: {error}")
        return full, None

    def message(self, step: StepPlan, task: str) -> TaskMessage:
        """Return the message of a task whose parameters are not filled in."""
        run = self.run
        return step_message(
            step,
            task=task,
            run=run.run,
            job=run.job,
            owner=run.owner,
            cause=run.cause,
            priority=run.priority,
            chain=run.chain,
            params=step.params,
        )

    def branch(self, step: StepPlan, task: str, index: int, item: object) -> NewTask:
        """Return a branch of a step that waits for its turn."""
        return NewTask(
            id=task,
            run=self.run.run,
            step=step.id,
            branch=index,
            item=item,
            actor=step.actor,
            queue=step.queue,
            state=RunState.WAITING,
        )
