"""Rota: how many due ticks a second it decides, records in the store, and emits."""

from __future__ import annotations

import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from actors.registry import load_registry
from bench.measurement import Measurement
from bus.connection import Bus
from rota.clock import SystemClock
from rota.definitions import parse_definition
from rota.times import rfc3339
from scheduler.jobs.catalogue import Catalogue
from scheduler.leader import Leader
from scheduler.process import tune_memory
from scheduler.tally import Tally
from scheduler.ticks import Ticks
from store.engine import Store
from store.queries import jobs

#: Between entering the jobs and the moment at which they are all due.
HEAD_START_MS = 10_000


def measure_ticks(url: str, *, count: int, what: str) -> Measurement:
    """Time how long `count` jobs, all due at one moment, take from that moment to the last message sent."""
    clock = SystemClock()
    bus = Bus(url)
    bus.client.flushall()
    actors = load_registry()
    with tempfile.TemporaryDirectory(prefix="rota-bench-") as folder:
        store = Store(f"sqlite:///{Path(folder) / 'rota.db'}", clock=clock)
        store.upgrade()
        leader = Leader(bus.leadership, "bench", clock=clock)
        ticks = Ticks(store, bus, Catalogue(actors), leader, clock=clock, tally=Tally())
        due = clock.now_ms() + HEAD_START_MS
        with store.writing() as conn:
            for n in range(count):
                job = parse_definition(_definition(n, due), source="bench", actors=actors)
                jobs.save(conn, job, author="bench", source="bench", at=clock.now_ms())
        leader.start()
        while leader.leading() is None:
            time.sleep(0.01)
        while bus.timetable.count() < count:
            ticks.step()
        if clock.now_ms() >= due:
            raise RuntimeError(f"{count} jobs were not entered within {HEAD_START_MS} ms")
        tune_memory()
        while clock.now_ms() < due:
            time.sleep(0.001)
        begin = time.monotonic()
        while bus.client.zcard(bus.keys.queue("default", "normal")) < count:
            ticks.step()
        seconds = time.monotonic() - begin
        leader.stop()
        bus.close()
        store.close()
    return Measurement(
        what=what,
        name="rota",
        version=version("rota"),
        per_second=count / seconds,
        note="1 process; decides, records run and task in SQLite, emits under a fence",
    )


def _definition(n: int, due: int) -> dict[str, object]:
    return {
        "name": f"job-{n}",
        "label": "A job",
        "owner": "bench",
        "overlap": "allow_all",
        "triggers": [{"every": "PT1H", "start": rfc3339(due)}],
        "steps": [{"id": "only", "actor": "sleep", "with": {"seconds": 0}}],
    }
