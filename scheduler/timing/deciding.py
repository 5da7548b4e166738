"""What becomes of one tick that was claimed: a plain function of the tick, its job's plan and the time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from bus.timetable import Tick
from rota.runs import Cause
from scheduler.admission.drafts import Request
from scheduler.jobs.plans import Plan
from scheduler.timing.catch_up import decide
from store.records import Advance


@dataclass(slots=True)
class Decided:
    """What was decided for one claimed tick.

    `row` moves its trigger on in the store, None if there is nothing to move. `next_start` is when its entry of the
    timetable is due next, None if it is to go. `failure` says why its job has to be disabled.
    """

    tick: Tick
    requests: list[Request] = field(default_factory=list)
    row: Advance | None = None
    next_start: int | None = None
    failure: str | None = None


def decide_tick(tick: Tick, plan: Plan | None, due: int | None, now: int) -> Decided:
    """Decide about a tick; `due` is when the store has its trigger due, None if that is never or not known there.

    An entry of a job that is gone, or of a trigger that is due no more, goes from the timetable and does nothing else.
    """
    schedule = None if plan is None else plan.schedules.get(tick.trigger)
    if plan is None or schedule is None or due is None:
        return Decided(tick)
    start = schedule.start_of(due)
    if start > now:
        # Entered for the due time, before the jitter; or decided before, and its emission was lost.
        return Decided(tick, next_start=start)
    decided = Decided(tick)
    # What was due before the job was disabled is decided as of then; there is nothing after it.
    at = now if plan.enabled else min(now, max(plan.enabled_at, start))
    try:
        decision = decide(due, at, schedule.following, plan.job.catch_up, start=start, jitter_ms=schedule.jitter_ms)
        next_due = decision.next_due if plan.enabled else None
        decided.next_start = None if next_due is None else schedule.start_of(next_due)
    except Exception as error:  # whatever a schedule raises concerns its own job only
        decided.failure = f"its schedule cannot be computed: {type(error).__name__}: {error}"
        decided.row = Advance(job=tick.job, trigger=tick.trigger, old_due=due, new_due=None)
        decided.requests = [Request(job=tick.job, cause=Cause.of_tick(tick.trigger, due), skip=decided.failure)]
        return decided
    decided.row = Advance(job=tick.job, trigger=tick.trigger, old_due=due, new_due=next_due)
    decided.requests = [
        Request(job=tick.job, cause=Cause.of_tick(tick.trigger, skip.due, since=skip.since), skip=skip.reason)
        for skip in decision.skips
    ]
    params = dict(schedule.params)
    decided.requests += [
        Request(job=tick.job, cause=Cause.of_tick(tick.trigger, due), params=params) for due in decision.runs
    ]
    return decided


def in_batches(decided: Iterable[Decided], most: int) -> Iterator[list[Decided]]:
    """Give what was decided in pieces of at most about `most` runs: after an outage one tick may make a hundred."""
    batch: list[Decided] = []
    size = 0
    for one in decided:
        if batch and size + len(one.requests) > most:
            yield batch
            batch, size = [], 0
        batch.append(one)
        size += len(one.requests)
    if batch:
        yield batch
