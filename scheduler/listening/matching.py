"""Which jobs hear an event, through which of their triggers, and what they ask for then: plain functions."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import msgspec

from rota.events import Event, context_of
from rota.expressions import Expression, ExpressionFailed, fill
from rota.runs import Cause
from scheduler.admission.drafts import MAX_CHAIN, Request, chain_of
from scheduler.admission.filling import job_context
from scheduler.jobs.catalogue import Snapshot
from scheduler.jobs.plans import Plan, Subscription

MAX_KEY = 200
TRIGGER_GONE = "the trigger that gathered its events is no longer in the definition"

_encode = msgspec.json.Encoder(order="sorted").encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A job that hears an event: through a trigger, or not, for the `reason`.

    `key` is what a trigger that gathers or throttles tells events apart by.
    """

    job: str
    trigger: Subscription | None = None
    key: str = ""
    reason: str | None = None


def match(event: Event, snapshot: Snapshot) -> list[Match]:
    """Return the jobs that hear an event, each once, through the first of its triggers whose condition holds.

    Left out are jobs whose condition does not hold. One whose expressions cannot be evaluated and one that the loop
    guard holds back are returned with the reason.
    """
    found: dict[str, Match] = {}
    seen = _Seen(event)
    for each in snapshot.subscribers(event.type):
        if each.job in found and found[each.job].trigger is not None:
            continue
        outcome = _match_one(event, each, snapshot.listeners[each.job], seen)
        if outcome is not None:
            found[each.job] = outcome
    return list(found.values())


def request_of(event: Event, each: Subscription, plan: Plan) -> Request:
    """Return what an event asks of a job that heard it."""
    cause = Cause.of_event(source=event.source, event_id=event.id, event_type=event.type)
    request = Request(job=each.job, cause=cause, event=event, chain=chain_of(event))
    return _with_params(request, each, plan, (event,))


def request_of_window(window: str, trigger: str, events: Sequence[Event], plan: Plan) -> Request:
    """Return what gathered events ask of a job, as its definition is now."""
    last = events[-1]
    count = len(events)
    cause = Cause.of_window(window, source=last.source, event_id=last.id, event_type=last.type, count=count)
    chain = tuple(dict.fromkeys(name for event in events for name in event.chain))[-MAX_CHAIN:]
    request = Request(job=plan.name, cause=cause, event=last, events=tuple(events), chain=chain, run=window)
    each = next((each for each in plan.subscriptions if each.trigger == trigger), None)
    if each is None:
        return msgspec.structs.replace(request, skip=TRIGGER_GONE)
    return _with_params(request, each, plan, events)


def key_of(value: object) -> str:
    """Return the text by which values are told apart: their JSON, of a long one its beginning and a digest.

    As in an expression 1 and 1.0 are one value. What is no finite number has no JSON, and is not null for that.
    """
    if isinstance(value, float) and not isfinite(value):
        return str(value)
    text = _encode(int(value) if isinstance(value, float) and value.is_integer() else value).decode()
    if len(text) <= MAX_KEY:
        return text
    return f"{text[:MAX_KEY]}…{hashlib.blake2b(text.encode(), digest_size=16).hexdigest()}"


class _Seen:
    """An event as expressions see it: made once for all of them, and only if there is one."""

    def __init__(self, event: Event) -> None:
        self._event = event
        self._values: dict[str, Any] = {}
        self._keys: dict[str, str] = {}

    def by(self, expression: Expression, plan: Plan) -> Mapping[str, Any]:
        """Return what an expression of a job may name."""
        if not self._values:
            self._values = {"event": context_of(self._event)}
        return {**self._values, "job": job_context(plan)} if "job" in expression.names else self._values

    def key(self, expression: Expression, plan: Plan) -> str:
        """Return the value of a key as text; the same for all jobs that write it alike, unless it names the job."""
        if "job" in expression.names:
            return key_of(expression.evaluate(self.by(expression, plan)))
        known = self._keys.get(expression.text)
        if known is None:
            known = self._keys[expression.text] = key_of(expression.evaluate(self.by(expression, plan)))
        return known


def _match_one(event: Event, each: Subscription, plan: Plan, seen: _Seen) -> Match | None:
    try:
        if each.where is not None and not each.where.holds(seen.by(each.where, plan)):
            return None
    except ExpressionFailed as error:
        return Match(job=each.job, reason=f"where: {error}")
    if each.job in event.chain and not plan.job.allow_loop:
        return Match(job=each.job, reason="a run of the job led to this event, and it does not allow loops")
    try:
        key = "" if each.key is None else seen.key(each.key, plan)
    except ExpressionFailed as error:
        return Match(job=each.job, reason=f"{'debounce' if each.gathering else 'throttle'}.key: {error}")
    return Match(job=each.job, trigger=each, key=key)


def _with_params(request: Request, each: Subscription, plan: Plan, events: Sequence[Event]) -> Request:
    """Fill the trigger's parameters in; one that has no value leaves a request that is recorded as skipped."""
    if not each.mapped:
        return msgspec.structs.replace(request, params=dict(each.params)) if each.params else request
    contexts = [context_of(event) for event in events]
    try:
        params = fill(each.params, {"event": contexts[-1], "events": contexts, "job": job_context(plan)})
    except ExpressionFailed as error:
        return msgspec.structs.replace(request, skip=f"params: {error}")
    assert isinstance(params, dict)
    return msgspec.structs.replace(request, params=params)
