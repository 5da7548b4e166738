"""Requests of people: the store remembers them first, the bus hears them next."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from bus.messages import body_of, header_of
from rota.runs import Cause
from rota.states import RunState
from scheduler.admission.admitting import Request, admit, deliver
from scheduler.runs import control
from store.engine import Store
from store.queries import runs
from tests.integration.scheduler.conftest import REGISTRY, World, finished

STEPS = [
    {"id": "a", "actor": "sleep", "with": {"seconds": 1}},
    {"id": "b", "actor": "sleep", "needs": ["a"], "with": {"seconds": 1}},
]


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """A store of either kind."""
    store = Store(database_url)
    yield store
    store.close()


def start(world: World, **fields: object) -> str:
    cause = fields.pop("cause", Cause.of_person("alice", "1"))
    admitted = admit(
        world.store, [Request(job="tidy", cause=cause, **fields)], now=world.clock.now_ms(), actors=REGISTRY
    )
    deliver(world.bus, admitted)
    return admitted[0].run


def state(world: World, run: str) -> RunState:
    return world.detail(run).run.state


def cancel(world: World, run: str) -> None:
    control.cancel(world.store, world.bus, [run], now=world.clock.now_ms(), reason="cancelled by alice")


def resume(world: World, run: str) -> None:
    control.resume(world.store, world.bus, [run], now=world.clock.now_ms(), actors=REGISTRY)


def test_queued_run_is_cancelled_and_its_message_gone(world: World) -> None:
    world.define(steps=STEPS)
    run = start(world)

    cancel(world, run)
    world.record()

    assert state(world, run) is RunState.CANCELLED
    assert [task.state for task in world.detail(run).tasks] == [RunState.CANCELLED, RunState.CANCELLED]
    assert world.messages() == set()
    assert world.work() == []


def test_running_task_is_asked_to_stop(world: World) -> None:
    world.define()
    run = start(world)
    world.bus.scripts.run("fetch", ["default", "worker", 1, 60_000])

    cancel(world, run)

    (task,) = world.detail(run).tasks
    assert world.bus.client.hget(world.bus.keys.control, task.id) == b"cancel"


def test_ended_or_unknown_runs_are_ignored(world: World) -> None:
    world.define()
    run = start(world)
    world.work()
    world.record()

    result = control.cancel(world.store, world.bus, [run, "nobody"], now=1, reason="late")

    assert result.ignored == (run, "nobody")
    assert state(world, run) is RunState.SUCCEEDED


def test_paused_run_continues_where_it_was(world: World) -> None:
    world.define(steps=STEPS)
    run = start(world)
    control.pause(world.store, world.bus, [run])
    world.record()
    assert state(world, run) is RunState.PAUSED
    assert world.work() == []

    resume(world, run)

    assert state(world, run) is RunState.QUEUED
    assert [message.step for message in world.work()] == ["a"]
    world.record()
    assert [message.step for message in world.work()] == ["b"]


def test_pause_between_two_attempts_gives_none_back(world: World) -> None:
    world.define(steps=[{**STEPS[0], "retries": {"max": 1}}])
    run = start(world)
    fail_once(world, run)
    world.record()
    assert state(world, run) is RunState.RETRYING
    control.pause(world.store, world.bus, [run])
    world.record()
    assert state(world, run) is RunState.PAUSED

    resume(world, run)

    assert [message.attempt for message in world.work()] == [2]


def test_pause_holds_back_the_next_step_until_resumed(world: World) -> None:
    world.define(steps=STEPS)
    run = start(world)
    answer = world.bus.scripts.run("fetch", ["default", "worker", 1, 60_000])
    control.pause(world.store, world.bus, [run])
    world.bus.scripts.run("recorded", ["recorder", 0])
    finish(world, run, int(answer[1]))
    world.record()
    assert [task.state for task in world.detail(run).tasks] == [RunState.SUCCEEDED, RunState.WAITING]
    assert state(world, run) is RunState.PAUSED

    resume(world, run)

    assert [message.step for message in world.work()] == ["b"]
    world.record()
    assert state(world, run) is RunState.SUCCEEDED


def fail_once(world: World, run: str) -> None:
    """Fail the first attempt as a worker does it: the next one waits in the timetable."""
    with world.store.reading() as conn:
        (task,) = runs.open_tasks(conn, before=world.clock.now_ms() + 1000)
    answer = world.bus.scripts.run("fetch", ["default", "worker", 1, 60_000])
    again = msgspec.structs.replace(task.message, attempt=2)
    outcome = finished(task.message, int(answer[1]), "retrying", at=world.clock.now_ms(), retry_at=2**50)
    item = [task.id, answer[1], "again", msgspec.json.encode(outcome), header_of(again), body_of(again), 3_600_000]
    world.bus.scripts.run("settle", ["worker", "1", 100_000, *item])


def finish(world: World, run: str, fence: int, *, state: str = "succeeded") -> None:
    task = world.detail(run).tasks[0]
    message = Message(task.id, run)
    outcome = finished(message, fence, state, at=world.clock.now_ms())
    world.bus.scripts.run(
        "settle", ["worker", str(fence), 100_000, task.id, fence, "ack", msgspec.json.encode(outcome), "", b"", 0]
    )


class Message:
    """As much of a task's message as an outcome is made of."""

    def __init__(self, task: str, run: str) -> None:
        self.task = task
        self.run = run
        self.attempt = 1


def test_who_cancelled_first_stays_the_reason(world: World) -> None:
    world.define(timeout="PT1S")
    request = Request(job="tidy", cause=Cause.of_person("alice", "1"))
    admitted = admit(world.store, [request], now=world.clock.now_ms() - 60_000, actors=REGISTRY)
    deliver(world.bus, admitted)
    answer = world.bus.scripts.run("fetch", ["default", "worker", 1, 60_000])
    run = admitted[0].run
    cancel(world, run)

    control.cancel(world.store, world.bus, [run], now=world.clock.now_ms(), reason="cancelled by bob")
    world.duties.sweeper.step()
    finish(world, run, int(answer[1]), state="cancelled")
    world.record()

    record = world.detail(run).run
    assert (record.state, record.reason) == (RunState.CANCELLED, "cancelled by alice")


def test_run_that_was_cancelled_is_not_overdue(world: World) -> None:
    world.define(timeout="PT1S")
    run = start(world)
    world.bus.scripts.run("fetch", ["default", "worker", 1, 60_000])

    with world.store.reading() as conn:
        assert runs.overdue(conn, at=2**50) == [run]
    cancel(world, run)
    with world.store.reading() as conn:
        assert runs.overdue(conn, at=2**50) == [], "it would hide those behind it while it hangs"
