"""When jobs are due, by all their triggers together.

Each tick is made when it is asked for: so the first few of many jobs cost little.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from heapq import merge
from itertools import islice, takewhile

from console.api.shapes import JobTickShape, TickShape
from rota.errors import Refused
from rota.jobs import Job
from rota.schedules import MAX_UPCOMING, describe, due_times
from rota.times import rfc3339
from store.engine import Connection
from store.queries import jobs, ticks
from store.records import CurrentJob

MOST_JOBS = 5000
"""The most jobs whose ticks are looked at for one answer."""

Tick = tuple[int, int, Job]
"""A due time, the place of its trigger in the definition, and the job."""


def next_ticks(job: Job, after: int, count: int) -> list[TickShape]:
    """Return the next ticks after a time, in their order."""
    return [_shape(tick) for tick in islice(_ticks(job, after), min(count, MAX_UPCOMING))]


def due_in(job: Job, start: int, end: int, count: int) -> list[TickShape]:
    """Return the first ticks from `start` until before `end`, in their order."""
    return [_shape(tick) for tick in islice(_ticks_in(job, start, end), count)]


def due_in_all(
    conn: Connection, start: int, end: int, count: int, *, now: int, owner: str | None
) -> list[JobTickShape]:
    """Return the first ticks of all enabled jobs from `start` until before `end`, in their order.

    Refused when there are more jobs with ticks than can be looked at; then a job has to be named, or a shorter range.
    """
    # What lies ahead begins with the next due time, which the store knows.
    names = ticks.jobs_due_before(conn, end if start >= now else None, owner=owner, limit=MOST_JOBS + 1)
    if len(names) > MOST_JOBS:
        raise Refused(f"more than {MOST_JOBS} jobs may be due in this range: name a job, or ask for a shorter one")
    each = [_ticks_in(job, start, end) for job in _jobs(jobs.current(conn, names).values())]
    return [
        JobTickShape(due=rfc3339(due), job=job.name, trigger=describe(job.triggers[index]))
        for due, index, job in islice(merge(*each, key=_due), count)
    ]


def _jobs(found: Iterable[CurrentJob]) -> Iterator[Job]:
    for current in found:
        # One that another version of the program saved is not due here.
        with suppress(ValueError):
            yield Job.model_validate(current.definition)


def _ticks_in(job: Job, start: int, end: int) -> Iterator[Tick]:
    return takewhile(lambda tick: tick[0] < end, _ticks(job, start - 1))


def _ticks(job: Job, after: int) -> Iterator[Tick]:
    return merge(*(_ticks_of(job, index, after) for index in range(len(job.triggers))), key=_due)


def _ticks_of(job: Job, index: int, after: int) -> Iterator[Tick]:
    for due in due_times(job.triggers[index], after, gap=job.dst.gap, fold=job.dst.fold):
        yield due, index, job


def _due(tick: Tick) -> int:
    return tick[0]


def _shape(tick: Tick) -> TickShape:
    due, index, job = tick
    return TickShape(due=rfc3339(due), trigger=describe(job.triggers[index]), index=index)
