"""Jobs ready to be started: read once per version, with everything prepared that is the same in every run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from rota.definitions import ActorSpec
from rota.errors import InvalidDefinition
from rota.expressions import Expression, expressions_in, parse_template
from rota.expressions import compile as compile_expression
from rota.jobs import WHEN_WORDS, Concurrency, Job, Overlap, Step
from rota.messages import RetryPolicy
from rota.params import bind_params
from rota.schedules import jittered, next_due
from rota.times import duration_ms
from rota.triggers import Debounce, EventTrigger, Throttle, Trigger, trigger_key


@dataclass(frozen=True, slots=True, kw_only=True)
class StepPlan:
    """A step with what its messages have in common; `dynamic` parameters hold `${…}` and are filled in per run.

    `first` means that it starts with the run; every other one is decided on once the run is in the store, also one that
    needs nothing and has a `condition` or `items`. `names` are those that its expressions use. `placed` means that its
    actor is given a datasource, which may have a queue of its own.
    """

    id: str
    actor: str
    queue: str
    params: dict[str, Any]
    dynamic: bool
    first: bool
    timeout_ms: int | None
    retries: RetryPolicy
    condition: Expression | None = None
    items: Expression | None = None
    parallel: int = 1
    names: frozenset[str] = frozenset()
    placed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A trigger that is due by itself; `following(t)` gives its first due time strictly after t, None for never.

    `params` are those of its runs.
    """

    job: str
    trigger: str
    following: Callable[[int], int | None]
    jitter_ms: int
    params: Mapping[str, Any] = field(default_factory=dict)

    def start_of(self, due: int) -> int:
        """Return when the tick of a due time is to start."""
        return jittered(self.job, self.trigger, due, self.jitter_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathering:
    """How long and by what a trigger gathers events for one run; `most` is how many of them it is given."""

    quiet_ms: int
    max_wait_ms: int
    most: int
    key: Expression | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttling:
    """How many events of a key start a run in any span of `period_ms`."""

    limit: int
    period_ms: int
    key: Expression | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A job's trigger that listens for events of a type or pattern.

    `params` are those of its runs, `mapped` says that they hold `${…}`. It gathers, or it throttles, or neither.
    """

    job: str
    trigger: str
    pattern: str
    where: Expression | None
    params: Mapping[str, Any]
    mapped: bool
    gathering: Gathering | None
    throttling: Throttling | None

    @property
    def key(self) -> Expression | None:
        """By what its events are told apart; None where all of them belong together."""
        by = self.gathering or self.throttling
        return None if by is None else by.key


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """How many runs of a key may be open; a `dynamic` key holds `${…}`."""

    key: str
    dynamic: bool
    most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """How many runs of a key may start in any span of a period; a `dynamic` key holds `${…}`.

    What is over it `waits` for its turn, or is skipped.
    """

    key: str
    dynamic: bool
    most: int
    period_ms: int
    waits: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One version of a job, and whether its triggers may start it.

    `defaults` are the parameters of a run that is given none, None if something must be given. `problem` says why it
    cannot be started here at all, such as an actor that is not installed. `undecided` means that a step that needs
    nothing is decided on once the run is in the store, `placed` that one has a datasource.
    `limit` is that of its open runs, see `limit_under`; with a `late_ms` they are late after so long.
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
    limit: Limit
    rate: RateLimit | None
    late_ms: int | None
    problem: str | None = None
    undecided: bool = False
    placed: bool = False

    @property
    def name(self) -> str:
        """The job's name."""
        return self.job.name

    def limit_under(self, overlap: Overlap) -> Limit | None:
        """Return the limit that runs are held to under a policy, None if they may overlap as they like."""
        return None if overlap == "allow_all" and self.job.concurrency is None else self.limit

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
    steps = tuple(_step_plan(step, actors.get(step.actor)) for step in job.steps)
    return Plan(
        job=job,
        version=version,
        enabled=enabled,
        enabled_at=enabled_at,
        steps=steps,
        defaults=_defaults(job),
        timeout_ms=job.timeout_ms,
        schedules={key: _schedule(job, key, trigger) for key, trigger in _timed(job)},
        subscriptions=tuple(
            _subscription(job, trigger) for trigger in job.triggers if isinstance(trigger, EventTrigger)
        ),
        limit=_limit(job),
        rate=_rate(job),
        late_ms=None if job.late_after is None else duration_ms(job.late_after),
        problem=f"there is no actor {missing[0]} here" if missing else None,
        placed=any(step.placed for step in steps),
        undecided=any(not step.needs and not plan.first for step, plan in zip(job.steps, steps, strict=True)),
    )


def _step_plan(step: Step, actor: ActorSpec | None) -> StepPlan:
    condition = None if step.when in WHEN_WORDS else compile_expression(step.when)
    items = None if step.for_each is None else compile_expression(step.for_each.items)
    names = _names(step.with_).union(*(each.names for each in (condition, items) if each is not None))
    return StepPlan(
        id=step.id,
        actor=step.actor,
        queue=actor.queue if actor else "",
        params=step.with_,
        # A text that only writes `$${` is filled in too: that is what takes one `$` away.
        dynamic=any(True for _ in expressions_in(step.with_)),
        # Datasources are in the store, where admission does not look for its drafts.
        first=not step.needs and condition is None and items is None and "datasources" not in names,
        timeout_ms=step.timeout_ms,
        retries=step.retries.policy(),
        condition=condition,
        items=items,
        parallel=1 if step.for_each is None else step.for_each.parallel,
        names=names,
        placed=actor is not None and "datasource" in actor.params.model_fields,
    )


def _names(template: object) -> frozenset[str]:
    """Return the names that the expressions of a template use."""
    parts = (part for _, text in expressions_in(template) for part in parse_template(text))
    return frozenset(name for part in parts if isinstance(part, Expression) for name in part.names)


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
        params=trigger.params,
    )


def _subscription(job: Job, trigger: EventTrigger) -> Subscription:
    return Subscription(
        job=job.name,
        trigger=trigger_key(trigger),
        pattern=trigger.event,
        where=_compiled(trigger.where),
        params=trigger.params,
        mapped=any(True for _ in expressions_in(trigger.params)),
        gathering=None if trigger.debounce is None else _gathering(trigger.debounce),
        throttling=None if trigger.throttle is None else _throttling(trigger.throttle),
    )


def _gathering(debounce: Debounce) -> Gathering:
    longest = duration_ms(debounce.max_wait)
    return Gathering(
        # The default may be longer than a wait that was written down.
        quiet_ms=min(duration_ms(debounce.quiet), longest),
        max_wait_ms=longest,
        most=debounce.max_events,
        key=_compiled(debounce.key),
    )


def _throttling(throttle: Throttle) -> Throttling:
    return Throttling(limit=throttle.limit, period_ms=duration_ms(throttle.period), key=_compiled(throttle.key))


def _compiled(text: str | None) -> Expression | None:
    return None if text is None else compile_expression(text)


def _limit(job: Job) -> Limit:
    concurrency = job.concurrency or Concurrency()
    key, dynamic = _key_of(job, concurrency.key)
    return Limit(key=key, dynamic=dynamic, most=concurrency.limit)


def _rate(job: Job) -> RateLimit | None:
    if job.rate is None:
        return None
    key, dynamic = _key_of(job, job.rate.key)
    return RateLimit(
        key=key,
        dynamic=dynamic,
        most=job.rate.limit,
        period_ms=job.rate.period_ms,
        waits=job.rate.over == "wait",
    )


def _key_of(job: Job, text: str) -> tuple[str, bool]:
    """Return the key that is limited and whether it holds `${…}`; without a text it is the job's own."""
    if not text:
        return f"job:{job.name}", False
    parts = parse_template(text)
    if any(isinstance(part, Expression) for part in parts):
        return text, True
    return f"key:{''.join(part for part in parts if isinstance(part, str))}", False
