"""When a job is due next, by all its triggers together."""

from __future__ import annotations

from heapq import merge
from itertools import islice

from console.api.shapes import TickShape
from rota.jobs import Job
from rota.schedules import describe, upcoming
from rota.times import rfc3339


def next_ticks(job: Job, after: int, count: int) -> list[TickShape]:
    """Return the next ticks after a time, in their order."""
    due = [
        [(at, index) for at in upcoming(trigger, after, count, gap=job.dst.gap, fold=job.dst.fold)]
        for index, trigger in enumerate(job.triggers)
    ]
    return [
        TickShape(due=rfc3339(at), trigger=describe(job.triggers[index]), index=index)
        for at, index in islice(merge(*due), count)
    ]
