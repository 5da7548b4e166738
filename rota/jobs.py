"""What a job is: when it starts, what it does step by step, and under which rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from rota.fields import Count, DurationText, Flag, Identifier, Line, Part, PositiveDuration, Slug, Text
from rota.messages import Priority, RetryPolicy
from rota.problems import FieldError, allowed_names
from rota.runs import SYSTEM_OWNER
from rota.times import duration_ms
from rota.triggers import Trigger, trigger_key
from rota.zones import Fold, Gap

MAX_STEPS = 100
MAX_BRANCHES = 1000
"""The most tasks that `for_each` makes of one step."""
MAX_TRIGGERS = 50
MAX_PARAMS = 100

ParamType = Literal["string", "integer", "number", "boolean", "duration", "list", "object"]
Overlap = Literal["skip", "buffer_one", "buffer_all", "cancel_other", "terminate_other", "allow_all"]
WHEN_WORDS = ("success", "failure", "always")
"""What `when` may be besides a CEL condition."""


class ParamSpec(Part):
    """One declared parameter of a job; without a default it must be given at each run."""

    type: ParamType = Field(description="string, integer, number, boolean, duration, list or object.")
    default: Any = Field(default=None, description="Value when none is given; leave out to make it required.")
    label: Line = Field(default="", description="Name in forms.")
    description: Text = Field(default="", description="Help in forms.")
    choices: tuple[Any, ...] = Field(
        default=(), max_length=200, description="The only values allowed, if any are listed."
    )

    @property
    def required(self) -> bool:
        """Whether it must be given, because it declares no default."""
        return "default" not in self.model_fields_set


class Retries(Part):
    """How often a failed attempt of a step is repeated, and when."""

    max: Annotated[Count, Field(ge=0, le=100)] = Field(default=0, description="Repeats after the first attempt.")
    backoff: DurationText = Field(default="PT30S", description="Wait before the first repeat.")
    factor: float = Field(default=2.0, ge=1, le=10, description="By how much each wait is longer than the last.")
    max_backoff: DurationText = Field(default="PT1H", description="Longest wait.")
    jitter: float = Field(default=0.1, ge=0, le=1, description="Share by which a wait is moved at random, 0 to 1.")

    @model_validator(mode="after")
    def _agree(self) -> Retries:
        if "backoff" in self.model_fields_set and duration_ms(self.backoff) > duration_ms(self.max_backoff):
            raise FieldError(("backoff",), f"{self.backoff} is longer than max_backoff ({self.max_backoff})")
        return self

    def policy(self) -> RetryPolicy:
        """Return the same in milliseconds, as messages carry it."""
        return RetryPolicy(
            max=self.max,
            backoff_ms=duration_ms(self.backoff),
            factor=self.factor,
            max_backoff_ms=duration_ms(self.max_backoff),
            jitter=self.jitter,
        )


class ForEach(Part):
    """One task for each entry of a list."""

    items: str = Field(min_length=1, description="CEL: the list, such as datasources or event.data.entries.")
    parallel: Annotated[Count, Field(ge=1, le=MAX_BRANCHES)] = Field(
        default=10, description="Most of its tasks that are under way at once."
    )


def _written_out(value: object) -> object:
    return {"items": value} if isinstance(value, str) else value


class Step(Part):
    """One task of each run: an actor with its parameters."""

    id: Identifier = Field(description="Name within the job; expressions read its result as steps.<id>.result.")
    actor: str = Field(min_length=1, max_length=100, description="Name of a registered actor.")
    with_: dict[str, Any] = Field(default_factory=dict, alias="with", description="Parameters of the actor.")
    needs: tuple[Identifier, ...] = Field(
        default=(), max_length=MAX_STEPS, description="Steps that must end before it."
    )
    when: str = Field(
        default="success",
        min_length=1,
        description="success: all needed steps succeeded; failure: one before it failed; always: they ended; "
        "or a CEL condition on what they ended with, such as steps.scan.result.created > 0.",
    )
    timeout: PositiveDuration | None = Field(default=None, description="Longest time of one attempt.")
    retries: Retries = Field(default_factory=Retries, description="What happens after a failed attempt.")
    for_each: Annotated[ForEach, BeforeValidator(_written_out)] | None = Field(
        default=None, description="Runs the step once for each entry of a list; with may hold ${item} and ${index}."
    )

    @property
    def timeout_ms(self) -> int | None:
        """The longest time of one attempt in milliseconds, None if the actor decides."""
        return None if self.timeout is None else duration_ms(self.timeout)


class Concurrency(Part):
    """How many runs with the same key may be open at once."""

    key: str = Field(
        default="",
        max_length=500,
        description="What is limited; may hold ${params.x} and ${run.person}; empty is the job.",
    )
    limit: Annotated[Count, Field(ge=1, le=10_000)] = Field(default=1, description="Open runs per key.")


class Rate(Part):
    """How many runs with the same key may start in a span of time."""

    limit: Annotated[Count, Field(ge=1, le=1000)] = Field(description="Starts in any span of the length of `period`.")
    period: PositiveDuration = Field(description="The span, such as PT1M.")
    key: str = Field(
        default="",
        max_length=500,
        description="What is counted; may hold ${params.x} and ${run.person}; empty is the job.",
    )
    over: Literal["wait", "skip"] = Field(
        default="wait", description="What is over it: waits for its turn, or is recorded as skipped."
    )

    @property
    def period_ms(self) -> int:
        """The span in milliseconds."""
        return duration_ms(self.period)


class CatchUp(Part):
    """What becomes of ticks that were missed while no scheduler was there."""

    policy: Literal["skip", "last", "all"] = Field(default="last", description="Which of the missed ticks still run.")
    window: PositiveDuration = Field(default="P1D", description="Ticks missed for longer than this never run.")
    limit: Annotated[Count, Field(ge=1, le=10_000)] = Field(
        default=100, description="Most missed ticks that still run."
    )

    @property
    def window_ms(self) -> int:
        """The window in milliseconds."""
        return duration_ms(self.window)


class Dst(Part):
    """What becomes of fixed times when the clocks change."""

    gap: Gap = Field(
        default="run_after", description="A time that is left out: run_after (right after the gap) or skip."
    )
    fold: Fold = Field(default="first", description="A time that comes twice: first (once) or both.")


class Keep(Part):
    """How much history of a job is kept; a run goes as soon as it is beyond either."""

    runs: Annotated[Count, Field(ge=1, le=1_000_000)] = Field(default=200, description="Finished runs.")
    days: Annotated[Count, Field(ge=1, le=36_500)] = Field(default=90, description="Days since a run ended.")


class Job(Part):
    """A definition: everything that people say about a job, and nothing that happens to it."""

    name: Slug = Field(description="Name in addresses and events; never changes.")
    label: Line = Field(default="", description="Name for people; empty shows the name.")
    owner: Line = Field(default="admin", min_length=1, description="Who it belongs to; system makes it a system job.")
    description: Text = Field(default="", description="What it is for.")
    enabled: Flag = Field(default=True, description="Whether it starts, by its triggers or by hand.")
    triggers: tuple[Trigger, ...] = Field(
        default=(), max_length=MAX_TRIGGERS, description="Why it starts; none is by hand."
    )
    params: dict[Identifier, ParamSpec] = Field(
        default_factory=dict, max_length=MAX_PARAMS, description="Values that may be given at run time."
    )
    steps: tuple[Step, ...] = Field(min_length=1, max_length=MAX_STEPS, description="What it does.")
    overlap: Overlap = Field(
        default="skip",
        description="When no further run may be open: skip it, let one (buffer_one) or all (buffer_all) wait, "
        "cancel_other or terminate_other; allow_all sets no limit of its own.",
    )
    concurrency: Concurrency | None = Field(default=None, description="Limit of open runs by a key.")
    rate: Rate | None = Field(default=None, description="Limit of starts in a span of time.")
    catch_up: CatchUp = Field(default_factory=CatchUp, description="What becomes of missed ticks.")
    dst: Dst = Field(default_factory=Dst, description="What becomes of fixed times when the clocks change.")
    jitter: DurationText = Field(
        default="PT0S", description="Longest delay that spreads its starts, the same for a tick always."
    )
    pause_after_failures: Annotated[Count, Field(ge=1, le=1000)] | None = Field(
        default=None, description="Failed runs in a row after which it is disabled."
    )
    keep: Keep = Field(default_factory=Keep, description="How much history is kept.")
    priority: Priority = Field(default="normal", description="Its place in the queues: high, normal or low.")
    timeout: PositiveDuration | None = Field(default=None, description="Longest time of a whole run.")
    late_after: PositiveDuration | None = Field(
        default=None, description="How long after it was due or asked for a run is late when it has not ended."
    )
    allow_loop: Flag = Field(default=False, description="Whether an event that its own run caused may start it again.")

    @field_validator("triggers")
    @classmethod
    def _distinct(cls, triggers: tuple[Trigger, ...]) -> tuple[Trigger, ...]:
        seen: dict[str, int] = {}
        for n, trigger in enumerate(triggers):
            first = seen.setdefault(trigger_key(trigger), n)
            if first != n:
                raise FieldError((n,), f"says the same as triggers[{first}]")
        return triggers

    @field_validator("steps")
    @classmethod
    def _ordered(cls, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        check_order(steps)
        return steps

    @property
    def kind(self) -> Literal["system", "user"]:
        """Whether it is a system job or a user job."""
        return "system" if self.owner == SYSTEM_OWNER else "user"

    @property
    def title(self) -> str:
        """The name for people."""
        return self.label or self.name

    @property
    def jitter_ms(self) -> int:
        """The longest delay of a start in milliseconds."""
        return duration_ms(self.jitter)

    @property
    def timeout_ms(self) -> int | None:
        """The longest time of a whole run in milliseconds, None for no limit."""
        return None if self.timeout is None else duration_ms(self.timeout)

    def step(self, step_id: str) -> Step:
        """Return a step by its id; KeyError if there is none."""
        for step in self.steps:
            if step.id == step_id:
                return step
        raise KeyError(step_id)

    def definition(self) -> dict[str, Any]:
        """Return what was written, as JSON: reading it again makes an equal job."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)

    def meaning(self) -> dict[str, Any]:
        """Return what it says beyond the defaults, as JSON: the same for definitions that mean the same."""
        said = self.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        if said.get("label") == self.name:
            del said["label"]
        return said


def check_order(steps: Sequence[Step]) -> None:
    """Raise FieldError if ids are not unique, a needed step does not exist, or steps need each other in a circle."""
    counts = Counter(step.id for step in steps)
    for n, step in enumerate(steps):
        if counts[step.id] > 1:
            raise FieldError((n, "id"), f"{step.id} is used by {counts[step.id]} steps; each needs its own")
        for at, needed in enumerate(step.needs):
            if needed not in counts:
                others = set(counts) - {step.id}
                raise FieldError((n, "needs", at), f"there is no step {needed}; {allowed_names(needed, others)}")
        if step.when == "failure" and not step.needs:
            raise FieldError((n, "when"), "failure has no meaning without needs; allowed: success, always")
    circle = _circle({step.id: step.needs for step in steps})
    if circle:
        raise ValueError(f"steps need each other in a circle: {' → '.join(circle)}")


def _circle(needs: dict[str, tuple[str, ...]]) -> list[str]:
    """Return the ids along a circle, the first repeated at the end; empty if there is none."""
    left = {step: set(wanted) for step, wanted in needs.items()}
    while ready := [step for step, wanted in left.items() if not wanted & left.keys()]:
        for step in ready:
            del left[step]
    if not left:
        return []
    # Whatever is left needs something that is left too: following it must come round.
    path = [next(iter(left))]
    while path[-1] not in path[:-1]:
        path.append(next(needed for needed in needs[path[-1]] if needed in left))
    return path[path.index(path[-1]) :]
