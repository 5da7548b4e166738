"""What two processes do to one run in the same moment, each waiting for the other's transaction."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from rota.messages import Outcome
from rota.states import TERMINAL, RunState
from scheduler.runs import control
from scheduler.runs.recording import record
from store.engine import Connection, Store
from store.queries import runs
from tests.integration.scheduler.conftest import World, finished
from tests.integration.scheduler.test_branches import each, step
from tests.integration.scheduler.test_overlap import start
from tests.waiting import wait_until

_BLOCKED = "SELECT count(*) FROM pg_locks WHERE NOT granted"


@pytest.fixture
def store(postgres_url: str) -> Iterator[Store]:
    """In SQLite one transaction at a time writes: there is nothing to see."""
    store = Store(postgres_url)
    yield store
    store.close()


def first_ended(world: World) -> tuple[str, Outcome]:
    """A run whose first step has just ended, which nobody has recorded; its next one has three branches."""
    steps = [step("a"), each("b", "a", items="[1, 2, 3]", seconds="${item == 1 ? item.none : item}")]
    world.define(steps=steps)
    (one,) = start(world, "1")
    return one.run, finished(one.messages[0], 7, "succeeded", at=world.clock.now_ms())


def during(world: World, change: Any, outcome: Outcome) -> None:
    """Begin a change after an outcome was recorded, and let it wait until that is committed."""

    def blocked() -> bool:
        with world.store.reading() as conn:
            return bool(conn.exec_driver_sql(_BLOCKED).scalar())

    with ThreadPoolExecutor(1) as pool:
        with world.store.writing() as conn:
            record(conn, [outcome], catalogue=world.duties.catalogue, now=world.clock.now_ms())
            other = pool.submit(change)
            wait_until(blocked)
        other.result()


def open_tasks(world: World, run: str) -> list[RunState]:
    return [task.state for task in world.detail(run).tasks if task.state not in TERMINAL]


def test_a_cancel_sees_the_branches_that_were_made_while_it_waited(world: World) -> None:
    run, outcome = first_ended(world)

    def cancel() -> None:
        control.cancel(world.store, world.bus, [run], now=world.clock.now_ms(), reason="cancelled by alice")

    during(world, cancel, outcome)

    assert world.detail(run).run.state is not RunState.CANCELLED, "two of its branches are still queued"
    assert open_tasks(world, run) == [RunState.QUEUED] * 2


def test_a_terminated_run_leaves_no_branch_open(world: World) -> None:
    run, outcome = first_ended(world)

    def terminate() -> None:
        def change(conn: Connection) -> None:
            runs.terminate(conn, [run], at=world.clock.now_ms(), reason="ended")

        world.store.write(change)

    during(world, terminate, outcome)

    assert world.detail(run).run.state is RunState.CANCELLED
    assert open_tasks(world, run) == []
