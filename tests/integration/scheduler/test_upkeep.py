"""The history is kept as the jobs say, and no longer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rota.runs import Cause
from rota.times import DAY_MS
from scheduler.admission.admitting import Request, admit
from scheduler.upkeep import FIRST_SECONDS, INTERVAL_SECONDS, Upkeep
from store.engine import Store
from store.queries import jobs
from tests.integration.scheduler.conftest import REGISTRY, World


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """A store of either kind."""
    store = Store(database_url)
    yield store
    store.close()


def upkeep(world: World) -> Upkeep:
    return Upkeep(world.store, world.duties.leader, clock=world.clock)


def ended_runs(world: World, count: int, *, days_ago: int = 0) -> None:
    at = world.clock.now_ms() - days_ago * DAY_MS
    requests = [Request(job="tidy", cause=Cause.of_tick(f"{days_ago}", n), skip="for the test") for n in range(count)]
    admit(world.store, requests, now=at, actors=REGISTRY)


def test_runs_beyond_number_or_age_are_removed(world: World) -> None:
    world.define(keep={"runs": 5, "days": 10})
    ended_runs(world, 4, days_ago=11)
    ended_runs(world, 8)

    removed = upkeep(world).prune()

    assert len(world.runs()) == 5
    assert removed.runs == 7


def test_open_runs_are_never_removed(world: World) -> None:
    world.define(keep={"runs": 1, "days": 1})
    request = Request(job="tidy", cause=Cause.of_person("alice", "1"))
    admit(world.store, [request], now=world.clock.now_ms() - 100 * DAY_MS, actors=REGISTRY)

    upkeep(world).prune()

    assert len(world.runs()) == 1


def test_runs_of_deleted_jobs_go_with_time(world: World) -> None:
    world.define()
    ended_runs(world, 3, days_ago=91)
    ended_runs(world, 3)
    with world.store.writing() as conn:
        jobs.delete(conn, "tidy")

    upkeep(world).prune()

    assert len(world.runs()) == 3


def test_first_pass_waits_and_later_ones_come_hourly(world: World) -> None:
    duty = upkeep(world)

    assert FIRST_SECONDS - 1 < duty.step() <= FIRST_SECONDS
    duty._due = 0
    assert duty.step() == INTERVAL_SECONDS
