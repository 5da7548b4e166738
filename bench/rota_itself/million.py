"""Rota: how late ticks are when there are a million periodic jobs, and what starting and memory that takes.

A real scheduler runs on jobs that are due one after the other, a thousand of them in each second. Whoever measures
plays the workers' part: it takes every message from the queue as soon as it is there, and compares that moment with the
due time of its run. The scheduler is started twice: first with jobs that it has never seen, and then once more, with
everything as it was left.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import psutil

from bench.measurement import Measurement, percentile
from bench.rota_itself.installation import Installation, installation
from bus.keys import message_id
from rota.definitions import parse_definition
from rota.times import rfc3339
from store.batches import batches

PER_SECOND = 1000
_WATCH_SECONDS = 60.0
#: After a restart: what was missed in between is made up for before it counts, and the sweeper has looked at all the
#: tasks that nobody has run here.
_SETTLE_SECONDS = 30.0
_PATIENCE_SECONDS = 1200.0
_LOOK_SECONDS = 0.005
#: A prime: its multiples go through all numbers below `count` once.
_STRIDE = 7919


@dataclass(slots=True)
class _Seen:
    """What came through the queue: message id by the time (ms) at which it was there."""

    arrived: dict[str, int]
    peak: int = 0


def measure_million(url: str, *, count: int, what: str) -> Measurement:
    """Start on `count` periodic jobs, start again, and watch their ticks for a minute."""
    with installation(url) as rota:
        seeded = _seed(rota, count)
        entered, first, _ = _start(rota, count)
        rota.stop()
        _, again, scheduler = _start(rota, count)
        seen = _watch(rota, scheduler, _SETTLE_SECONDS)
        seen = _watch(rota, scheduler, _WATCH_SECONDS)
        late = _lateness(rota, seen)
    if len(late) < 0.9 * PER_SECOND * _WATCH_SECONDS:
        raise RuntimeError(f"only {len(late)} ticks in {_WATCH_SECONDS:g} s")
    return Measurement(
        what=what,
        name="rota",
        version=version("rota"),
        p50_ms=percentile(late, 50),
        p99_ms=percentile(late, 99),
        note=(
            f"{count:,} jobs, {len(late) / _WATCH_SECONDS:,.0f} ticks a second; peak {seen.peak / 1e6:,.0f} MB; "
            f"first tick {again:.1f} s after a start ({first:.1f} s with new jobs, all entered after {entered:.0f} s); "
            f"saved in {seeded:.0f} s"
        ),
    )


def _seed(rota: Installation, count: int) -> float:
    """Save the jobs, in batches of their own; return how long that took."""
    # Those that are inserted here are like those that people save.
    parse_definition(_definition(0, 0, 1000), source="bench", actors=rota.actors)
    begin = time.monotonic()
    now = rota.clock.now_ms()
    grid = now - 10_000_000
    with rota.store.writing() as conn:
        for rows in batches(_rows(count, now, grid), 10_000):
            conn.exec_driver_sql(
                "INSERT INTO jobs (name, label, owner, kind, enabled, enabled_at, version, definition, revision,"
                " listens, source, author, created_at, updated_at)"
                " VALUES (?, 'A job', 'bench', 'user', 1, ?, 1, ?, 1, 0, 'bench', 'bench', ?, ?)",
                rows,
            )
        conn.exec_driver_sql(
            "INSERT INTO job_versions (job, version, definition, source, author, at)"
            " SELECT name, 1, definition, source, author, created_at FROM jobs"
        )
        conn.exec_driver_sql("UPDATE revision SET value = 1")
    return time.monotonic() - begin


def _rows(count: int, now: int, grid: int) -> Iterator[tuple[str, int, str, int, int]]:
    # As many jobs as are due in a period: one period is as many seconds as there are thousands of jobs.
    period = count * 1000 // PER_SECOND
    for n in range(count):
        # Not in the order of their names, in which they are followed first: that would be a start like no other.
        start = grid + n * _STRIDE % count * 1000 // PER_SECOND
        yield f"job-{n}", now, json.dumps(_definition(n, start, period)), now, now


def _definition(n: int, start: int, period_ms: int) -> dict[str, object]:
    return {
        "name": f"job-{n}",
        "label": "A job",
        "owner": "bench",
        "overlap": "allow_all",
        "triggers": [{"every": f"PT{period_ms / 1000:g}S", "start": rfc3339(start)}],
        "steps": [{"id": "only", "actor": "bench-done"}],
    }


def _start(rota: Installation, count: int) -> tuple[float, float, psutil.Process]:
    """Start a scheduler; return the seconds until all jobs are entered and until the first tick, and the process."""
    rota.bus.client.delete(rota.bus.keys.queue("bench", "normal"))
    begin = time.monotonic()
    scheduler = psutil.Process(rota.start("scheduler"))
    first: float | None = None
    while True:
        passed = time.monotonic() - begin
        if first is None and _take(rota):
            first = passed
        if first is not None and rota.bus.timetable.count() >= count:
            return passed, first, scheduler
        if passed > _PATIENCE_SECONDS or not scheduler.is_running():
            raise TimeoutError(f"{rota.bus.timetable.count()} jobs are entered after {passed:.0f} s")
        time.sleep(0.02)


def _watch(rota: Installation, scheduler: psutil.Process, seconds: float) -> _Seen:
    seen = _Seen({})
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        taken = _take(rota)
        now = rota.clock.now_ms()
        seen.arrived.update(dict.fromkeys(taken, now))
        seen.peak = max(seen.peak, scheduler.memory_info().rss)
        time.sleep(_LOOK_SECONDS)
    return seen


def _take(rota: Installation) -> list[str]:
    """Take what waits out of the queue; the bus goes on knowing it, as if it ran."""
    members: Any = rota.bus.client.zpopmin(rota.bus.keys.queue("bench", "normal"), 10_000)
    return [message_id(member).decode() for member, _ in members]


def _lateness(rota: Installation, seen: _Seen) -> list[float]:
    """Return by how many ms each message came after its tick was due."""
    late: list[float] = []
    with rota.store.reading() as conn:
        for ids in batches(seen.arrived):
            marks = ", ".join("?" * len(ids))
            rows = conn.exec_driver_sql(
                f"SELECT tasks.id, runs.due FROM tasks JOIN runs ON runs.id = tasks.run WHERE tasks.id IN ({marks})",
                tuple(ids),
            )
            late += [float(seen.arrived[task] - due) for task, due in rows]
    return late
