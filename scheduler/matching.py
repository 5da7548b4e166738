"""Which jobs an event starts: a plain function of the event and the jobs that listen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rota.events import Event, context_of
from rota.expressions import ExpressionFailed
from rota.runs import Cause
from scheduler.catalogue import Snapshot
from scheduler.drafts import Request, chain_of, job_context
from scheduler.plans import Subscription


@dataclass(frozen=True, slots=True)
class Match:
    """A job that listens for an event: `request` starts it, or `reason` says why the event doesn't."""

    job: str
    request: Request | None = None
    reason: str | None = None


def match(event: Event, snapshot: Snapshot) -> list[Match]:
    """Return the jobs that listen for an event, each once.

    Left out are jobs whose condition does not hold. One whose condition cannot be evaluated and one that the loop guard
    holds back are returned with the reason.
    """
    found: dict[str, Match] = {}
    context: dict[str, object] | None = None
    for each in snapshot.subscribers(event.type):
        if each.job in found and found[each.job].request is not None:
            continue
        if each.where is not None and context is None:
            context = {"event": context_of(event)}
        outcome = _match_one(event, each, snapshot, context or {})
        if outcome is not None:
            found[each.job] = outcome
    return list(found.values())


def _match_one(event: Event, each: Subscription, snapshot: Snapshot, context: Mapping[str, object]) -> Match | None:
    plan = snapshot.plans[each.job]
    try:
        if each.where is not None and not each.where.holds({**context, "job": job_context(plan)}):
            return None
    except ExpressionFailed as error:
        return Match(each.job, reason=f"where: {error}")
    if each.job in event.chain and not plan.job.allow_loop:
        return Match(each.job, reason="a run of the job led to this event, and it does not allow loops")
    cause = Cause.of_event(source=event.source, event_id=event.id, event_type=event.type)
    return Match(each.job, request=Request(job=each.job, cause=cause, event=event, chain=chain_of(event)))
