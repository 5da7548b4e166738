"""Ticks of the past made up for on request."""

from __future__ import annotations

from typing import Any

import pytest

from rota.clock import SystemClock
from rota.errors import Refused
from rota.runs import Cause
from rota.states import RunState
from rota.times import DAY_MS
from scheduler.admission.admitting import admit
from scheduler.admission.drafts import Request
from scheduler.timing.backfilling import MOST_TICKS, Backfill, backfill
from store.queries import jobs
from tests.integration.scheduler.conftest import REGISTRY, World

HOUR_MS = DAY_MS // 24
NOW = SystemClock().now_ms()
END = NOW // HOUR_MS * HOUR_MS
START = END - 6 * HOUR_MS


def ask(world: World, start: int = START, end: int = END, **options: Any) -> Backfill:
    return backfill(world.store, world.bus, "tidy", start, end, person="alice", now=NOW, actors=REGISTRY, **options)


def tick(world: World, due: int, *, skip: str | None = None) -> None:
    (row,) = world.tick_rows()
    request = Request(job="tidy", cause=Cause.of_tick(row.trigger, due), skip=skip)
    admit(world.store, [request], now=NOW, actors=REGISTRY)


@pytest.fixture
def hourly(world: World) -> World:
    world.define(triggers=[{"every": "PT1H", "params": {"n": 7}}], params={"n": {"type": "integer", "default": 1}})
    world.duties.ticks.step()
    return world


def test_skipped_and_missing_ticks_get_a_run_and_those_that_ran_do_not(hourly: World) -> None:
    tick(hourly, START)
    tick(hourly, START + HOUR_MS, skip="another run was open")

    found = ask(hourly)

    assert found.due == tuple(range(START, END, HOUR_MS))
    assert found.done == (START,)
    started = [run for run in hourly.runs() if run.cause.person == "alice"]
    assert [run.cause.due for run in started] == list(range(START + HOUR_MS, END, HOUR_MS))
    assert {run.params["n"] for run in started} == {7}


def test_asking_again_starts_nothing_anew(hourly: World) -> None:
    first = ask(hourly)
    again = ask(hourly, START - HOUR_MS)

    assert len(first.admitted) == 6
    assert [one.state for one in again.admitted] == [RunState.WAITING]
    assert len(hourly.runs()) == 7


def test_runs_come_one_after_the_other_unless_asked_otherwise(hourly: World) -> None:
    ask(hourly)
    assert [run.state for run in hourly.runs()] == [RunState.QUEUED] + [RunState.WAITING] * 5

    hourly.work()
    hourly.record()
    assert [run.state for run in hourly.runs()[:3]] == [RunState.SUCCEEDED, RunState.QUEUED, RunState.WAITING]

    beside = ask(hourly, START - 2 * HOUR_MS, START, overlap="allow_all")
    assert [one.state for one in beside.admitted] == [RunState.QUEUED] * 2


def test_dry_run_starts_nothing(hourly: World) -> None:
    found = ask(hourly, dry_run=True)

    assert (len(found.due), found.admitted, hourly.runs()) == (6, (), [])


def test_future_and_endless_ranges_and_disabled_jobs_are_refused(hourly: World) -> None:
    with pytest.raises(Refused, match="reaches into the future"):
        ask(hourly, end=NOW + 1)
    with pytest.raises(Refused, match=f"more than {MOST_TICKS} ticks"):
        ask(hourly, END - (MOST_TICKS + 1) * HOUR_MS)
    hourly.define(triggers=[{"every": "PT1H"}], enabled=False)
    with pytest.raises(Refused, match="is disabled"):
        ask(hourly)


def test_two_triggers_of_one_time_are_two_ticks(world: World) -> None:
    world.define(triggers=[{"every": "PT1H", "params": {"n": n}} for n in (1, 2)], params={"n": {"type": "integer"}})
    world.duties.ticks.step()
    ran, missed = world.tick_rows()
    request = Request(job="tidy", cause=Cause.of_tick(ran.trigger, START), params={"n": 1})
    admit(world.store, [request], now=NOW, actors=REGISTRY)

    found = ask(world, START, START + HOUR_MS)

    assert (found.due, found.done, found.left) == ((START, START), (START,), (START,))
    assert [run.cause.key for run in world.runs()[1:]] == [f"backfill:{missed.trigger}:{START}"]


@pytest.mark.parametrize("dry_run", [False, True])
def test_what_would_be_refused_is_refused_in_a_dry_run_too(hourly: World, dry_run: bool) -> None:
    with hourly.store.writing() as conn:
        jobs.set_enabled(conn, ["tidy"], False, at=NOW)
    with pytest.raises(Refused, match="disabled"):
        ask(hourly, dry_run=dry_run)

    with hourly.store.writing() as conn:
        jobs.set_enabled(conn, ["tidy"], True, at=NOW)
        jobs.pause_everything(conn, person="alice", at=NOW)
    with pytest.raises(Refused, match="paused"):
        ask(hourly, dry_run=dry_run)
