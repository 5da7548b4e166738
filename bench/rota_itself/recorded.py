"""Rota whole: every run, task and attempt recorded in the store, and events that start jobs."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from importlib.metadata import version

from bench.measurement import Measurement, percentile
from bench.rota_itself.installation import Installation, installation
from bench.tally import STARTED
from rota.events import Event
from rota.ids import new_id
from rota.runs import Cause
from scheduler.admission.admitting import Request, admit, deliver
from store.queries import runs

_PATIENCE_SECONDS = 180
_IDLE_SECONDS = (0.05, 0.25)


def measure_recorded(url: str, *, count: int, what: str) -> Measurement:
    """Admit and send `count` runs, then let one worker process run them while a scheduler records them.

    The time counts from the start of the first task to the moment at which the store has the end of the last run.
    """
    with installation(url) as rota:
        rota.define(_job("nothing", actor="bench-done"))
        begin = time.monotonic()
        admitted = admit(
            rota.store,
            [Request(job="nothing", cause=Cause.of_person("bench", new_id())) for _ in range(count)],
            now=rota.clock.now_ms(),
            actors=rota.actors,
        )
        deliver(rota.bus, admitted)
        admission = count / (time.monotonic() - begin)
        rota.start("scheduler")
        _wait(lambda: rota.bus.census.figures().leader is not None)
        rota.start("worker")
        _wait(lambda: _open(rota) == 0)
        ended = rota.clock.now_ms()
        with rota.store.reading() as conn:
            first = runs.get_run(conn, admitted[0].run).started_at
            states = {str(runs.get_run(conn, one.run).state) for one in admitted[:: max(1, count // 100)]}
    if first is None or states != {"succeeded"}:
        raise RuntimeError(f"runs ended as {states}")
    return Measurement(
        what=what,
        name="rota (recorded)",
        version=version("rota"),
        per_second=count / (ended - first) * 1000,
        note=f"1 worker process, 8 threads; run, task, attempt in SQLite; admitted at {admission:,.0f}/s",
    )


def measure_events(url: str, *, samples: int, what: str) -> Measurement:
    """Publish one event at a time on an idle system, and take the time until the job's actor starts."""
    with installation(url) as rota:
        rota.define(
            {
                **_job("listens", actor="bench-started"),
                "triggers": [{"event": "bench.happened"}],
                "steps": [{"id": "only", "actor": "bench-started", "with": {"sent": "${event.data.sent}"}}],
            }
        )
        rota.start("scheduler")
        rota.start("worker")
        _wait(lambda: rota.bus.census.figures().leader is not None and rota.bus.census.figures().workers == 1)
        waits = [_one_event(rota) for _ in range(samples + 10)][10:]
    return Measurement(
        what=what,
        name="rota (event)",
        version=version("rota"),
        p50_ms=percentile(waits, 50) * 1000,
        p99_ms=percentile(waits, 99) * 1000,
        note="event published to actor started: matched, admitted and recorded on the way",
    )


def _job(name: str, *, actor: str) -> dict[str, object]:
    return {
        "name": name,
        "label": name,
        "owner": "bench",
        "overlap": "allow_all",
        "steps": [{"id": "only", "actor": actor}],
    }


def _one_event(rota: Installation) -> float:
    time.sleep(random.uniform(*_IDLE_SECONDS))
    event = Event(id=new_id(), source="/bench", type="bench.happened", data={"sent": time.monotonic()})
    rota.bus.events.publish([event])
    answer = rota.bus.waiting_client.blpop([STARTED], timeout=5)
    if answer is None:
        raise TimeoutError("the event started nothing within 5 s")
    return float(answer[1])


def _open(rota: Installation) -> int:
    with rota.store.reading() as conn:
        return sum(runs.count_open(conn).values())


def _wait(fact: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not fact():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not so after {_PATIENCE_SECONDS} s")
        time.sleep(0.02)
