"""Why a job starts: one class per kind of trigger, told apart by the one key that only it has."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

import msgspec
from pydantic import AfterValidator, Discriminator, Field, Tag, ValidationInfo, field_validator, model_validator

from rota.crons import parse_cron
from rota.errors import RotaError
from rota.expressions import TRIGGER_NAMES
from rota.expressions import compile as compile_expression
from rota.fields import Count, Identifier, InstantText, Part, PositiveDuration, TimezoneName
from rota.problems import FieldError, allowed_names
from rota.repeats import parse_repeat
from rota.times import duration_ms, parse_rfc3339

MIN_EVERY_MS = 100
"""The shortest grid; what is more frequent is one run that loops, not many runs."""


MAX_GATHERED = 500
"""The most events that one run may be given."""


class _Trigger(Part):
    """What every kind of trigger may say."""

    params: dict[Identifier, Any] = Field(
        default_factory=dict,
        max_length=100,
        description="Values for the job's parameters; with an event they may hold ${event.data.x}.",
    )


class _Bounded(_Trigger):
    """A trigger with a time before which and one after which it is never due."""

    start: InstantText | None = Field(default=None, description="Time of the first tick that may be due, included.")
    end: InstantText | None = Field(default=None, description="Time of the last tick that may be due, included.")

    @model_validator(mode="after")
    def _ordered(self) -> _Bounded:
        if self.start and self.end and parse_rfc3339(self.start) > parse_rfc3339(self.end):
            raise FieldError(("end",), f"{self.end} is earlier than start ({self.start})")
        return self


class CronTrigger(_Bounded):
    """Due whenever a clock on the wall in `timezone` shows a time that the cron expression names."""

    cron: str = Field(
        description="Five fields, or six with seconds first: names, ranges, steps, L, #; or @daily and the like."
    )
    timezone: TimezoneName = Field(default="UTC", description="IANA name of the zone whose clock counts.")

    @field_validator("cron")
    @classmethod
    def _parses(cls, text: str) -> str:
        parse_cron(text)
        return text


class EveryTrigger(_Bounded):
    """Due on a fixed grid of exact length, counted from `start`, or else from 1970-01-01T00:00:00Z."""

    every: str = Field(description="ISO 8601 duration of fixed length, such as PT15M; days have 24 hours.")

    @field_validator("every")
    @classmethod
    def _has_length(cls, text: str) -> str:
        if duration_ms(text) < MIN_EVERY_MS:
            raise ValueError(f"{text!r} is too short; the shortest is PT0.{MIN_EVERY_MS}S")
        return text


class RepeatTrigger(_Bounded):
    """Due as an ISO 8601 repeating interval says; its days and months follow the clock in `timezone`."""

    timezone: TimezoneName = Field(default="UTC", description="IANA name of the zone whose calendar counts.")
    repeat: str = Field(description="R/start/duration, R/start/end or R/duration/end; R5 runs five times in total.")

    @field_validator("repeat")
    @classmethod
    def _parses(cls, text: str, info: ValidationInfo) -> str:
        parse_repeat(text, info.data.get("timezone", "UTC"))
        return text


class AtTrigger(_Trigger):
    """Due once."""

    at: InstantText = Field(description="RFC 3339 time with its offset, such as 2026-12-24T18:00:00+01:00.")


def _condition(text: str) -> str:
    try:
        names = compile_expression(text).names
    except RotaError as error:
        raise ValueError(str(error)) from error
    for name in sorted(names - TRIGGER_NAMES):
        raise ValueError(f"{name} is not known here; {allowed_names(name, TRIGGER_NAMES)}")
    return text


EventExpression = Annotated[str, Field(min_length=1), AfterValidator(_condition)]
"""A CEL expression that may name `event` and `job`."""


class Debounce(Part):
    """Waits until it is quiet, and gives all events that came meanwhile to one run."""

    quiet: PositiveDuration = Field(default="PT5S", description="How long no further event may come.")
    max_wait: PositiveDuration = Field(default="PT1M", description="Longest wait after the first event.")
    max_events: Annotated[Count, Field(ge=1, le=MAX_GATHERED)] = Field(
        default=MAX_GATHERED, description="Most events of one run; with so many it starts at once."
    )
    key: EventExpression | None = Field(
        default=None, description="CEL: events with the same value are gathered; without it all of them are."
    )

    @model_validator(mode="after")
    def _agree(self) -> Debounce:
        if "quiet" in self.model_fields_set and duration_ms(self.quiet) > duration_ms(self.max_wait):
            raise FieldError(("quiet",), f"{self.quiet} is longer than max_wait ({self.max_wait})")
        return self


class Throttle(Part):
    """Lets the first events of a period start runs, and records that the others did not."""

    limit: Annotated[Count, Field(ge=1, le=1000)] = Field(default=1, description="Events that start a run.")
    period: PositiveDuration = Field(description="In any span of this length.")
    key: EventExpression | None = Field(
        default=None, description="CEL: events with the same value are counted together; without it all of them are."
    )


class EventTrigger(_Trigger):
    """Starts the job when an event of a matching type comes in; never due by itself."""

    event: str = Field(min_length=1, max_length=200, description="Type of the event, or a pattern such as entry.*")
    where: EventExpression | None = Field(
        default=None, description="CEL condition on event, such as event.data.size > 1000000."
    )
    debounce: Debounce | None = Field(default=None, description="Several events become one run.")
    throttle: Throttle | None = Field(default=None, description="Only so many events start a run.")

    @model_validator(mode="after")
    def _one_of_both(self) -> EventTrigger:
        if self.debounce is not None and self.throttle is not None:
            raise FieldError(("throttle",), "cannot be used together with debounce; to limit runs, see the job's rate")
        return self


_KINDS: dict[str, type[Part]] = {
    "cron": CronTrigger,
    "every": EveryTrigger,
    "repeat": RepeatTrigger,
    "at": AtTrigger,
    "event": EventTrigger,
}


def _kind_of(value: Any) -> str | None:
    if isinstance(value, dict):
        named = [name for name in _KINDS if name in value]
        return f"<{named[0]}>" if len(named) == 1 else None
    return next((f"<{name}>" for name, kind in _KINDS.items() if isinstance(value, kind)), None)


Trigger = Annotated[
    Annotated[CronTrigger, Tag("<cron>")]
    | Annotated[EveryTrigger, Tag("<every>")]
    | Annotated[RepeatTrigger, Tag("<repeat>")]
    | Annotated[AtTrigger, Tag("<at>")]
    | Annotated[EventTrigger, Tag("<event>")],
    Discriminator(
        _kind_of,
        custom_error_type="trigger_kind",
        custom_error_message="needs exactly one of cron, every, repeat, at, event",
    ),
]
"""Any trigger; exactly one of the keys cron, every, repeat, at, event says which."""

TimeTrigger = CronTrigger | EveryTrigger | RepeatTrigger | AtTrigger
"""The triggers that are due by themselves."""


def trigger_key(trigger: Trigger) -> str:
    """Return twelve hex digits that name a trigger within its job, whatever its place in the list.

    They are made of what it says, so a trigger that is moved keeps its ticks and one that is changed starts anew.
    """
    said = msgspec.json.encode(trigger.model_dump(exclude_defaults=True), order="sorted")
    return hashlib.blake2b(said, digest_size=6).hexdigest()
