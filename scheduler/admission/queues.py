"""In which queue a task waits: its actor's, or the one of the datasource that it is about, which not all can reach."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from scheduler.jobs.plans import Plan, StepPlan
from store.queries import datasources
from store.records import NewTask

if TYPE_CHECKING:
    from scheduler.admission.drafts import Draft
    from store.engine import Connection


class Queues:
    """The queues of datasources within one transaction, read only if a task is about a datasource at all."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn

    def of(self, step: StepPlan, params: Mapping[str, Any]) -> str:
        """Return the queue of a task of a step with these filled-in parameters."""
        name = params.get("datasource") if step.placed else None
        return self._named.get(name, step.queue) if isinstance(name, str) else step.queue

    def route(self, draft: Draft, plan: Plan) -> Draft:
        """Return a draft whose messages name the queues that they are sent to."""
        if not plan.placed:
            return draft
        return msgspec.structs.replace(draft, tasks=tuple(self._routed(task, plan) for task in draft.tasks))

    def _routed(self, task: NewTask, plan: Plan) -> NewTask:
        if task.message is None:
            return task
        queue = self.of(plan.step(task.step), task.message.params)
        if queue == task.queue:
            return task
        return msgspec.structs.replace(task, queue=queue, message=msgspec.structs.replace(task.message, queue=queue))

    @cached_property
    def _named(self) -> dict[str, str]:
        return datasources.queues(self._conn)
