"""rq-scheduler: how many due periodic jobs a second it moves to the queue and schedules again."""

from __future__ import annotations

import time
import warnings
from datetime import datetime, timedelta
from typing import Literal

import rq
import rq_scheduler
from redis import Redis

from bench import tally
from bench.measurement import Measurement


def measure_ticks(url: str, *, count: int, what: str, kind: Literal["interval", "cron"]) -> Measurement:
    """Time one pass over `count` jobs that are due and repeat every minute. Nothing runs them."""
    with Redis.from_url(url) as client, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its naive utc times, and what crontab thinks of them
        client.flushall()
        scheduler = rq_scheduler.Scheduler(connection=client)
        _schedule(scheduler, count, kind)
        begin = time.monotonic()
        scheduler.enqueue_jobs()
        seconds = time.monotonic() - begin
        moved, again = rq.Queue(connection=client).count, scheduler.count(until=timedelta(minutes=2))
    if (moved, again) != (count, count):
        raise RuntimeError(f"rq-scheduler moved {moved} and scheduled {again} of {count} jobs")
    return Measurement(
        what=what,
        name="rq-scheduler" if kind == "interval" else "rq-scheduler, cron",
        version=".".join(str(part) for part in rq_scheduler.VERSION),
        per_second=count / seconds,
        note="enqueue_jobs, 1 process; decides and emits, records nothing",
    )


def _schedule(scheduler: rq_scheduler.Scheduler, count: int, kind: Literal["interval", "cron"]) -> None:
    due = datetime.utcnow() - timedelta(seconds=30)
    for _ in range(count):
        if kind == "interval":
            scheduler.schedule(scheduled_time=due, func=tally.done, interval=60)
        else:
            scheduler.change_execution_time(scheduler.cron("* * * * *", func=tally.done), due)
