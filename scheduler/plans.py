"""Jobs ready to be started: read once per version, with everything prepared that is the same in every run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from rota.definitions import ActorSpec
from rota.errors import InvalidDefinition
from rota.expressions import Expression, expressions_in, parse_template
from rota.expressions import compile as compile_expression
from rota.jobs import Concurrency, Job, Step
from rota.messages import RetryPolicy
from rota.params import bind_params
from rota.schedules import jittered, next_due
from rota.triggers import EventTrigger, Trigger, trigger_key


@dataclass(frozen=True, slots=True, kw_only=True)
class StepPlan:
    """A step with what its messages have in common; `dynamic` parameters hold `${…}` and are filled in per run."""

    id: str
    actor: str
    queue: str
    params: dict[str, Any]
    dynamic: bool
    first: bool
    timeout_ms: int | None
    retries: RetryPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A trigger that is due by itself; `following(t)` gives its first due time strictly after t, None for never."""

    job: str
    trigger: str
    following: Callable[[int], int | None]
    jitter_ms: int

    def start_of(self, due: int) -> int:
        """Return when the tick of a due time is to start."""
        return jittered(self.job, self.trigger, due, self.jitter_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A job's trigger that listens for events of a type or pattern."""

    job: str
    pattern: str
    where: Expression | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """How many runs of a key may be open; a `dynamic` key holds `${…}`."""

    key: str
    dynamic: bool
    most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One version of a job, and whether its triggers may start it.

    `defaults` are the parameters of a run that is given none, None if something must be given. `problem` says why it
    cannot be started here at all, such as an actor that is not installed.
    """

    job: Job
    version: int
    enabled: bool
    enabled_at: int
    steps: tuple[StepPlan, ...]
    defaults: dict[str, Any] | None
    timeout_ms: int | None
    schedules: Mapping[str, Schedule]
    subscriptions: tuple[Subscription, ...]
    limit: Limit | None
    problem: str | None = None

    @property
    def name(self) -> str:
        """The job's name."""
        return self.job.name

    def step(self, step_id: str) -> StepPlan:
        """Return a step by its id; KeyError if there is none."""
        for step in self.steps:
            if step.id == step_id:
                return step
        raise KeyError(step_id)


def make_plan(
    job: Job, *, version: int, actors: Mapping[str, ActorSpec], enabled: bool = True, enabled_at: int = 0
) -> Plan:
    """Prepare one version of a job."""
    missing = sorted({step.actor for step in job.steps} - set(actors))
    return Plan(
        job=job,
        version=version,
        enabled=enabled,
        enabled_at=enabled_at,
        steps=tuple(_step_plan(step, actors.get(step.actor)) for step in job.steps),
        defaults=_defaults(job),
        timeout_ms=job.timeout_ms,
        schedules={key: _schedule(job, key, trigger) for key, trigger in _timed(job)},
        subscriptions=tuple(
            _subscription(job, trigger) for trigger in job.triggers if isinstance(trigger, EventTrigger)
        ),
        limit=_limit(job),
        problem=f"there is no actor {missing[0]} here" if missing else None,
    )


def _step_plan(step: Step, actor: ActorSpec | None) -> StepPlan:
    return StepPlan(
        id=step.id,
        actor=step.actor,
        queue=actor.queue if actor else "",
        params=step.with_,
        # A text that only writes `$${` is filled in too: that is what takes one `$` away.
        dynamic=any(True for _ in expressions_in(step.with_)),
        first=not step.needs,
        timeout_ms=step.timeout_ms,
        retries=step.retries.policy(),
    )


def _defaults(job: Job) -> dict[str, Any] | None:
    try:
        return bind_params(job, {})
    except InvalidDefinition:
        return None


def _timed(job: Job) -> list[tuple[str, Trigger]]:
    return [(trigger_key(trigger), trigger) for trigger in job.triggers if not isinstance(trigger, EventTrigger)]


def _schedule(job: Job, key: str, trigger: Trigger) -> Schedule:
    return Schedule(
        job=job.name,
        trigger=key,
        following=partial(next_due, trigger, gap=job.dst.gap, fold=job.dst.fold),
        jitter_ms=job.jitter_ms,
    )


def _subscription(job: Job, trigger: EventTrigger) -> Subscription:
    where = None if trigger.where is None else compile_expression(trigger.where)
    return Subscription(job=job.name, pattern=trigger.event, where=where)


def _limit(job: Job) -> Limit | None:
    if job.concurrency is not None:
        return _concurrency_limit(job, job.concurrency)
    if job.overlap == "skip":
        return Limit(key=f"job:{job.name}", dynamic=False, most=1)
    return None


def _concurrency_limit(job: Job, concurrency: Concurrency) -> Limit:
    if not concurrency.key:
        return Limit(key=f"job:{job.name}", dynamic=False, most=concurrency.limit)
    parts = parse_template(concurrency.key)
    dynamic = any(isinstance(part, Expression) for part in parts)
    key = concurrency.key if dynamic else "".join(part for part in parts if isinstance(part, str))
    return Limit(key=key if dynamic else f"key:{key}", dynamic=dynamic, most=concurrency.limit)
