"""When jobs are due, by all their triggers together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from heapq import merge
from itertools import islice

from console.api.shapes import JobTickShape, TickShape
from rota.errors import Refused
from rota.jobs import Job
from rota.schedules import describe, due_between, upcoming
from rota.times import rfc3339
from rota.triggers import Trigger
from store.engine import Connection
from store.queries import jobs, ticks
from store.records import CurrentJob

MOST_JOBS = 5000
"""The most jobs whose ticks are looked at for one answer."""


def next_ticks(job: Job, after: int, count: int) -> list[TickShape]:
    """Return the next ticks after a time, in their order."""
    return _ticks(job, count, lambda trigger: upcoming(trigger, after, count, gap=job.dst.gap, fold=job.dst.fold))


def due_in(job: Job, start: int, end: int, count: int) -> list[TickShape]:
    """Return the first ticks from `start` until before `end`, in their order."""
    return _ticks(
        job,
        count,
        lambda trigger: due_between(trigger, start, end, gap=job.dst.gap, fold=job.dst.fold, limit=count),
    )


def due_in_all(
    conn: Connection, start: int, end: int, count: int, *, now: int, owner: str | None
) -> list[JobTickShape]:
    """Return the first ticks of all enabled jobs from `start` until before `end`, in their order.

    Refused when there are more jobs with ticks than can be looked at; then a job has to be named, or a shorter range.
    """
    # What lies ahead begins with the next due time, which the store knows.
    names = ticks.jobs_due_before(conn, end if start >= now else None, limit=MOST_JOBS + 1)
    if len(names) > MOST_JOBS:
        raise Refused(f"more than {MOST_JOBS} jobs may be due in this range: name a job, or ask for a shorter one")
    found = jobs.current(conn, names)
    each = [
        [JobTickShape(due=tick.due, job=name, trigger=tick.trigger) for tick in due_in(job, start, end, count)]
        for name, job in _jobs(found, owner)
    ]
    return list(islice(merge(*each, key=lambda tick: tick.due), count))


def _jobs(found: dict[str, CurrentJob], owner: str | None) -> Iterator[tuple[str, Job]]:
    for name, current in found.items():
        if not current.enabled:
            continue
        try:
            job = Job.model_validate(current.definition)
        except ValueError:  # one that another version of the program saved is not due here
            continue
        if owner is None or job.owner == owner:
            yield name, job


def _ticks(job: Job, count: int, due_of: Callable[[Trigger], list[int]]) -> list[TickShape]:
    due = [[(at, index) for at in due_of(trigger)] for index, trigger in enumerate(job.triggers)]
    return [
        TickShape(due=rfc3339(at), trigger=describe(job.triggers[index]), index=index)
        for at, index in islice(merge(*due), count)
    ]
