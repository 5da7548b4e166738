"""What one person may have under way: runs, and the bytes that these may make, whoever else starts at the same time."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from rota.errors import QuotaExceeded
from rota.ids import new_id
from rota.runs import Cause
from rota.states import TERMINAL, RunState
from scheduler.admission.admitting import Admitted, Request, admit
from scheduler.admission.quotas import Quota
from scheduler.runs import retrying
from store.engine import Store
from store.queries import runs
from store.records import Closing
from tests.integration.scheduler.conftest import REGISTRY, World

SIZE = {"max_bytes": {"type": "integer", "default": None}}


def quota(owner: str = "alice", *, most_runs: int = 0, most_bytes: int = 0) -> Quota:
    return Quota(owner=owner, jobs={"pack", "look"}, sized={"pack"}, most_runs=most_runs, most_bytes=most_bytes)


def begin(
    world: World, held: Quota | None, job: str = "pack", *, key: str = "", owner: str = "alice", **params: Any
) -> Admitted:
    cause = Cause.of_person(owner, key or new_id())
    request = Request(job=job, cause=cause, params=params, owner=owner)
    return admit(world.store, [request], now=world.clock.now_ms(), actors=REGISTRY, quota=held)[0]


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """In the one database a writer has it all for itself, in the other a lock keeps the person's starts in line."""
    store = Store(database_url)
    yield store
    store.close()


@pytest.fixture
def packing(world: World) -> World:
    """Two jobs of the system that people start."""
    for job in ("pack", "look"):
        world.define(job, owner="system", params=SIZE)
    return world


def test_as_many_runs_as_may_be_open_are_admitted_and_the_rest_is_told_why(packing: World) -> None:
    held = quota(most_runs=2)
    first, second = begin(packing, held), begin(packing, held, "look")

    with pytest.raises(
        QuotaExceeded, match=r"2 may be under way for you at a time, and 2 are: .*wait for one"
    ) as refused:
        begin(packing, held)

    assert refused.value.runs == (first.run, second.run)
    begin(packing, quota("bob", most_runs=2), owner="bob")
    begin(packing, None)
    close(packing, second.run)
    with pytest.raises(QuotaExceeded):
        begin(packing, held)  # the one without a quota counts as well
    close(packing, first.run)
    assert begin(packing, held).state is RunState.QUEUED


def test_bytes_of_open_runs_are_added_up_and_a_run_that_says_none_takes_all(packing: World) -> None:
    held = quota(most_bytes=1_000)
    first = begin(packing, held, max_bytes=600)

    begin(packing, held, "look", max_bytes=10**9)  # makes nothing
    for size in ({"max_bytes": 401}, {}):
        with pytest.raises(QuotaExceeded, match=r"400 are left to you: 600 of 1,000 bytes are taken by") as refused:
            begin(packing, held, **size)
        assert refused.value.runs == (first.run,)
    begin(packing, held, max_bytes=400)
    close(packing, first.run)
    begin(packing, held, max_bytes=600)

    with pytest.raises(QuotaExceeded, match="nothing else is under way"):
        begin(packing, quota("bob", most_bytes=1_000), owner="bob", max_bytes=1_001)


@pytest.mark.parametrize("state", sorted(TERMINAL), ids=str)
def test_a_run_gives_back_what_it_took_however_it_ends(packing: World, state: RunState) -> None:
    held = quota(most_runs=1, most_bytes=1_000)
    first = begin(packing, held, max_bytes=1_000)

    close(packing, first.run, state)

    assert begin(packing, held, max_bytes=1_000).state is RunState.QUEUED


def test_a_repeated_request_takes_nothing_more(packing: World) -> None:
    held = quota(most_runs=1)
    first = begin(packing, held, key="k")

    again = begin(packing, held, key="k")

    assert (again.run, again.repeated) == (first.run, True)


def test_a_run_that_is_tried_again_counts_like_a_new_one(packing: World) -> None:
    held = quota(most_bytes=1_000)
    first = begin(packing, held, max_bytes=600)
    close(packing, first.run)
    begin(packing, held, max_bytes=600)

    with pytest.raises(QuotaExceeded):
        retrying.retry(
            packing.store,
            packing.bus,
            first.run,
            person="alice",
            now=packing.clock.now_ms(),
            actors=REGISTRY,
            quota=held,
        )


def test_of_starts_at_the_same_moment_only_as_many_pass_as_there_is_room_for(packing: World) -> None:
    held = quota(most_runs=3, most_bytes=10_000)

    def attempt(n: int) -> bool:
        try:
            begin(packing, held, key=f"k{n}", max_bytes=10)
        except QuotaExceeded:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        passed = list(pool.map(attempt, range(16)))

    assert passed.count(True) == 3
    with packing.store.reading() as conn:
        assert len(runs.open_runs_of(conn, "alice", ["pack", "look"])) == 3


def close(world: World, run: str, state: RunState = RunState.FAILED) -> None:
    with world.store.writing() as conn:
        runs.close(conn, [Closing(run=run, state=state, at=world.clock.now_ms())])
