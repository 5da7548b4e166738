"""What a request becomes, decided before anything is written: a run with its tasks, or why there is none."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from rota.errors import InvalidDefinition, Refused, RotaError
from rota.events import Event, context_of
from rota.expressions import fill
from rota.ids import new_id
from rota.messages import Priority, TaskMessage, encode
from rota.params import bind_params
from rota.runs import Cause
from rota.states import RunState
from rota.times import rfc3339
from scheduler.plans import Plan, StepPlan
from store.records import NewRun, NewTask

MAX_LIMIT_KEY = 400
MAX_CHAIN = 32
"""Jobs that a run remembers of those that led to it; the newest stay."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody or something wants a job to run.

    `owner` is whom the run belongs to, None for the job's owner. A request with `skip` is recorded as skipped for that
    reason. What a tick or an event asks for and cannot have is recorded as skipped; a person is told.
    """

    job: str
    cause: Cause
    params: dict[str, Any] = {}
    event: Event | None = None
    chain: tuple[str, ...] = ()
    owner: str | None = None
    skip: str | None = None


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A run that may be inserted. `limit_key` names what it needs a slot of, and `limit` how many there are."""

    run: NewRun
    tasks: tuple[NewTask, ...] = ()
    limit_key: str | None = None
    limit: int = 0


def draft(plan: Plan, request: Request, now: int) -> Draft:
    """Return the run that a request becomes.

    For a request of a person Refused, InvalidDefinition or ExpressionFailed is raised when it cannot be granted.
    """
    if request.skip is not None:
        return skipped(plan, request, now, request.skip)
    try:
        return _granted(plan, request, now)
    except RotaError as error:
        if request.cause.kind not in ("tick", "event"):
            raise
        return skipped(plan, request, now, in_one_line(error))


def skipped(plan: Plan, request: Request, now: int, reason: str) -> Draft:
    """Return the record of a run that is not going to be."""
    return Draft(
        run=NewRun(
            id=new_id(),
            job=request.job,
            job_version=plan.version,
            owner=request.owner or plan.job.owner,
            kind=plan.job.kind,
            cause=request.cause,
            queued_at=now,
            state=RunState.SKIPPED,
            reason=reason,
            params=request.params,
            priority=plan.job.priority,
            chain=request.chain,
        )
    )


def in_one_line(error: RotaError) -> str:
    """Return an error as the reason of a run."""
    if isinstance(error, InvalidDefinition):
        return "; ".join(str(problem) for problem in error.problems)
    return str(error)


def chain_of(event: Event) -> tuple[str, ...]:
    """Return the jobs that led to a run which the event starts: each once, so that a loop does not let it grow."""
    return tuple(dict.fromkeys(event.chain))[-MAX_CHAIN:]


def step_message(
    step: StepPlan,
    *,
    task: str,
    run: str,
    job: str,
    owner: str,
    priority: Priority,
    chain: tuple[str, ...],
    params: dict[str, Any],
) -> TaskMessage:
    """Return the message of a step's first attempt. Filled-in parameters are given, fixed ones are the step's."""
    return TaskMessage(
        task=task,
        run=run,
        job=job,
        step=step.id,
        actor=step.actor,
        queue=step.queue,
        params=params,
        priority=priority,
        owner=owner,
        timeout_ms=step.timeout_ms,
        retries=step.retries,
        chain=chain,
    )


def context_for(
    plan: Plan,
    *,
    run: str,
    owner: str,
    params: Mapping[str, Any],
    cause: Cause,
    event: Mapping[str, Any] | None,
    steps: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what expressions in a step's parameters may name."""
    return {
        "params": params,
        "steps": steps or {},
        "run": {
            "id": run,
            "owner": owner,
            "cause": cause.kind,
            "due": None if cause.due is None else rfc3339(cause.due),
        },
        "job": job_context(plan),
        "event": event,
    }


def job_context(plan: Plan) -> dict[str, Any]:
    """Return what expressions see as `job`."""
    return {"name": plan.job.name, "label": plan.job.title, "owner": plan.job.owner}


def filled(step: StepPlan, context: Mapping[str, Any]) -> dict[str, Any]:
    """Return a step's parameters with every expression replaced; ExpressionFailed if one has no value."""
    params = fill(step.params, context)
    assert isinstance(params, dict)
    return params


def _granted(plan: Plan, request: Request, now: int) -> Draft:
    if not plan.enabled:
        raise Refused(f"the job {plan.name} is disabled")
    if plan.problem is not None:
        raise Refused(plan.problem)
    params = plan.defaults
    if request.params or params is None:
        params = bind_params(plan.job, request.params)
    run_id = new_id()
    owner = request.owner or plan.job.owner
    run = NewRun(
        id=run_id,
        job=request.job,
        job_version=plan.version,
        owner=owner,
        kind=plan.job.kind,
        cause=request.cause,
        queued_at=now,
        params=params,
        priority=plan.job.priority,
        chain=request.chain,
        timeout_at=None if plan.timeout_ms is None else now + plan.timeout_ms,
    )
    tasks = tuple(_task(plan, step, request, run) for step in plan.steps)
    if plan.limit is None:
        return Draft(run=run, tasks=tasks)
    return Draft(run=run, tasks=tasks, limit_key=_limit_key(plan, params), limit=plan.limit.most)


def _task(plan: Plan, step: StepPlan, request: Request, run: NewRun) -> NewTask:
    task = new_id()
    if not step.first:
        return NewTask(id=task, run=run.id, step=step.id, actor=step.actor, queue=step.queue, state=RunState.WAITING)
    params = step.params
    if step.dynamic:
        event = None if request.event is None else context_of(request.event)
        params = filled(
            step,
            context_for(plan, run=run.id, owner=run.owner, params=run.params, cause=run.cause, event=event),
        )
    message = step_message(
        step,
        task=task,
        run=run.id,
        job=run.job,
        owner=run.owner,
        priority=run.priority,
        chain=run.chain,
        params=params,
    )
    if step.dynamic:
        encode(message)  # what was filled in may be larger than a message may be
    return NewTask(id=task, run=run.id, step=step.id, actor=step.actor, queue=step.queue, message=message)


def _limit_key(plan: Plan, params: Mapping[str, Any]) -> str:
    assert plan.limit is not None
    if not plan.limit.dynamic:
        return plan.limit.key
    key = f"key:{fill(plan.limit.key, {'params': params, 'job': job_context(plan)})}"
    if len(key) <= MAX_LIMIT_KEY:
        return key
    # An index takes keys up to some size only.
    return f"{key[:MAX_LIMIT_KEY]}…{hashlib.blake2b(key.encode(), digest_size=16).hexdigest()}"
