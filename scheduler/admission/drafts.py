"""What a request becomes, decided before anything is written: a run with its tasks, or why there is none."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from rota.errors import Refused, RotaError
from rota.events import Event, context_of
from rota.expressions import fill
from rota.ids import new_id
from rota.jobs import Overlap
from rota.messages import encode
from rota.params import bind_params, fits
from rota.runs import Cause, person_of
from rota.states import RunState
from scheduler.admission.filling import context_for, filled, in_one_line, key_context, step_message
from scheduler.jobs.plans import Limit, Plan, RateLimit, StepPlan
from store.records import NewRun, NewTask

MAX_LIMIT_KEY = 400
MAX_CHAIN = 128
"""Jobs that a run remembers of those that led to it; the newest stay."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody or something wants a job to run.

    `owner` is whom the run belongs to, None for the job's owner. `events` are those that were gathered, `event` the
    last of them. A request with `skip` is recorded as skipped for that reason. `overlap` takes the place of the job's
    own, and `run` is the id of the run where it is known before. What a tick or an event asks for and cannot have is
    recorded as skipped; a person is told. `takes_over` is an ended run whose results the new one keeps, as far as it
    succeeded.
    """

    job: str
    cause: Cause
    params: dict[str, Any] = {}
    event: Event | None = None
    events: tuple[Event, ...] = ()
    chain: tuple[str, ...] = ()
    owner: str | None = None
    skip: str | None = None
    overlap: Overlap | None = None
    run: str | None = None
    takes_over: str | None = None


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A run that may be inserted, as soon as it has its place.

    `limit_key` names what it needs a slot of, `limit` how many there are, and `overlap` what happens when none is free.
    `rate_key` names what its start is counted for. `undecided` means that it begins with steps about which is decided
    when it starts.
    """

    run: NewRun
    tasks: tuple[NewTask, ...] = ()
    limit_key: str | None = None
    limit: int = 0
    overlap: Overlap = "allow_all"
    rate_key: str | None = None
    undecided: bool = False
    takes_over: str | None = None


def draft(plan: Plan, request: Request, now: int) -> Draft:
    """Return the run that a request becomes.

    For a request of a person Refused, InvalidDefinition or ExpressionFailed is raised when it cannot be granted.
    """
    if request.skip is not None:
        return skipped(plan, request, now, request.skip)
    try:
        return _granted(plan, request, now)
    except RotaError as error:
        # A tick that a person asks for has somebody to tell.
        if request.cause.kind not in ("tick", "event") or request.cause.person is not None:
            raise
        return skipped(plan, request, now, in_one_line(error))


def skipped(plan: Plan, request: Request, now: int, reason: str) -> Draft:
    """Return the record of a run that is not going to be."""
    return Draft(
        run=NewRun(
            id=request.run or new_id(),
            job=request.job,
            job_version=plan.version,
            owner=request.owner or plan.job.owner,
            kind=plan.job.kind,
            cause=request.cause,
            queued_at=now,
            state=RunState.SKIPPED,
            reason=reason,
            params=_kept(request.params),
            priority=plan.job.priority,
            chain=request.chain,
        )
    )


def _kept(params: dict[str, Any]) -> dict[str, Any]:
    """Return what a record of a skip keeps of the parameters that were asked for: nothing if that is too large."""
    return params if fits(params) else {}


def chain_of(event: Event) -> tuple[str, ...]:
    """Return the jobs that led to a run which the event starts: each once, so that a loop does not let it grow."""
    return tuple(dict.fromkeys(event.chain))[-MAX_CHAIN:]


def _granted(plan: Plan, request: Request, now: int) -> Draft:
    if not plan.enabled:
        raise Refused(f"the job {plan.name} is disabled")
    if plan.problem is not None:
        raise Refused(plan.problem)
    params = plan.defaults
    if request.params or params is None:
        params = bind_params(plan.job, request.params)
    run_id = request.run or new_id()
    owner = request.owner or plan.job.owner
    person = person_of(request.cause, owner)
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
        late_at=None if plan.late_ms is None else _wanted_at(request.cause, now) + plan.late_ms,
        timeout_at=None if plan.timeout_ms is None else now + plan.timeout_ms,
    )
    tasks = tuple(_task(plan, step, request, run) for step in plan.steps)
    overlap = request.overlap or plan.job.overlap
    limit = plan.limit_under(overlap)
    return Draft(
        run=run,
        tasks=tasks,
        limit_key=None if limit is None else _key_of(plan, limit, params, person),
        limit=0 if limit is None else limit.most,
        overlap=overlap,
        rate_key=rate_key(plan, params, person),
        undecided=plan.undecided or request.takes_over is not None,
        takes_over=request.takes_over,
    )


def _wanted_at(cause: Cause, now: int) -> int:
    """Return since when a run is wanted: what a person asks for long after it was due is not late at once."""
    return now if cause.due is None or cause.person is not None else cause.due


def rate_key(plan: Plan, params: Mapping[str, Any], person: str) -> str | None:
    """Return what the start of a person's run with these parameters is counted for, None if its job has no rate."""
    return None if plan.rate is None else _key_of(plan, plan.rate, params, person)


def _task(plan: Plan, step: StepPlan, request: Request, run: NewRun) -> NewTask:
    task = new_id()
    if not step.first or request.takes_over is not None:
        return NewTask(id=task, run=run.id, step=step.id, actor=step.actor, queue=step.queue, state=RunState.WAITING)
    params = step.params
    if step.dynamic:
        params = filled(step, _context(plan, step, request, run))
    message = step_message(
        step,
        task=task,
        run=run.id,
        job=run.job,
        owner=run.owner,
        cause=run.cause,
        priority=run.priority,
        chain=run.chain,
        params=params,
    )
    if step.dynamic:
        encode(message)  # what was filled in may be larger than a message may be
    return NewTask(id=task, run=run.id, step=step.id, actor=step.actor, queue=step.queue, message=message)


def _context(plan: Plan, step: StepPlan, request: Request, run: NewRun) -> dict[str, Any]:
    event = None if request.event is None else context_of(request.event)
    events: list[dict[str, Any]] = []
    if "events" in step.names:
        events = [context_of(each) for each in request.events or (request.event,) if each is not None]
    return context_for(
        plan, run=run.id, owner=run.owner, params=run.params, cause=run.cause, event=event, events=events
    )


def _key_of(plan: Plan, limit: Limit | RateLimit, params: Mapping[str, Any], person: str) -> str:
    if not limit.dynamic:
        return limit.key
    key = f"key:{fill(limit.key, key_context(plan, params=params, person=person))}"
    if len(key) <= MAX_LIMIT_KEY:
        return key
    # An index takes keys up to some size only.
    return f"{key[:MAX_LIMIT_KEY]}…{hashlib.blake2b(key.encode(), digest_size=16).hexdigest()}"
