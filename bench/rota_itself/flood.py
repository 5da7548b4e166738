"""Rota: how many events a second one scheduler matches against a hundred jobs, and what memory it takes for that."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import psutil

from bench.measurement import Measurement
from bench.rota_itself.installation import installation
from rota.events import Event

_JOBS = 100
_KINDS = 10
_PATIENCE_SECONDS = 600


def measure_flood(url: str, *, count: int, what: str) -> Measurement:
    """Publish `count` events, then let a scheduler work them off; the time ends with the last event and window."""
    with installation(url) as rota:
        for definition in _definitions():
            rota.define(definition)
        for at in range(0, count, 500):
            rota.bus.events.publish([_event(n) for n in range(at, min(at + 500, count))])
        scheduler = psutil.Process(rota.start("scheduler"))
        while rota.bus.census.figures().leader is None:
            time.sleep(0.01)
        begin = time.monotonic()
        most = 0
        while rota.bus.events.waiting():
            most = max(most, scheduler.memory_info().rss)
            if time.monotonic() > begin + _PATIENCE_SECONDS:
                raise TimeoutError(f"{rota.bus.events.waiting()} events wait after {_PATIENCE_SECONDS} s")
            time.sleep(0.05)
        seconds = time.monotonic() - begin
        with rota.store.reading() as conn:
            runs = conn.exec_driver_sql("SELECT count(*) FROM runs").scalar_one()
            gathered = conn.exec_driver_sql("SELECT count(*) FROM gathered").scalar_one()
    return Measurement(
        what=what,
        name="rota",
        version=version("rota"),
        per_second=count / seconds,
        note=f"1 scheduler, {most / 1e6:.0f} MB at most; {runs:,} runs, {gathered:,} events gathered, SQLite",
    )


def _definitions() -> Iterator[dict[str, Any]]:
    """Filters, windows and throttles; an event concerns twenty of the jobs."""
    for n in range(_JOBS):
        kind = f"kind{n % _KINDS}"
        trigger: dict[str, Any] = (
            {"event": f"{kind}.created", "where": f"event.data.size % 100 == {n}"},
            {
                "event": f"{kind}.*",
                "debounce": {"quiet": "PT0.5S", "max_wait": "PT2S", "key": "event.data.user"},
            },
            {"event": "*.created", "throttle": {"limit": 5, "period": "PT1M", "key": "event.data.user"}},
            {"event": f"{kind}.*", "where": f"event.data.name.startsWith('x{n}')"},
        )[n % 4]
        yield {
            "name": f"job-{n}",
            "label": "A job",
            "owner": "bench",
            "overlap": "allow_all",
            "triggers": [trigger],
            "steps": [{"id": "only", "actor": "bench-done"}],
        }


def _event(n: int) -> Event:
    dice = random.Random(n)
    return Event(
        id=f"{n}",
        source="/bench",
        type=f"kind{n % _KINDS}.{'created' if n % 2 else 'deleted'}",
        data={"size": n, "user": f"user-{dice.randrange(50)}", "name": f"x{dice.randrange(400)}"},
    )
