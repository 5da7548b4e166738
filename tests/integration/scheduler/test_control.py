"""Requests of people: the store remembers them first, the bus hears them next."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rota.errors import NotFound, Refused
from rota.events import Event
from rota.runs import Cause
from rota.states import RunState
from scheduler import control
from scheduler.admission import Request, admit, deliver
from store.engine import Store
from tests.integration.scheduler.conftest import REGISTRY, World

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


def test_retry_is_a_new_run_with_the_same_parameters_and_event(world: World) -> None:
    world.define(
        params={"n": {"type": "integer", "default": 1}},
        triggers=[{"event": "ping"}],
        steps=[{"id": "a", "actor": "sleep", "with": {"seconds": "${event.data.seconds}"}}],
    )
    world.bus.events.publish([Event(id="1", source="test", type="ping", data={"seconds": 5})])
    world.duties.events.step()
    (first,) = world.runs()
    world.work(state="failed")
    world.record()

    again = control.retry(
        world.store, world.bus, first.id, person="alice", now=world.clock.now_ms(), actors=REGISTRY, request_id="x"
    )
    twice = control.retry(
        world.store, world.bus, first.id, person="alice", now=world.clock.now_ms(), actors=REGISTRY, request_id="x"
    )

    assert again.run == twice.run
    record = world.detail(again.run).run
    assert (record.cause.kind, record.cause.parent, record.cause.person) == ("parent", first.id, "alice")
    assert world.work()[0].params == {"seconds": 5}
    assert state(world, first.id) is RunState.FAILED


def test_open_run_cannot_be_retried(world: World) -> None:
    world.define()
    run = start(world)

    with pytest.raises(Refused, match="queued"):
        control.retry(world.store, world.bus, run, person="alice", now=1, actors=REGISTRY)
    with pytest.raises(NotFound):
        control.retry(world.store, world.bus, "nobody", person="alice", now=1, actors=REGISTRY)


def finish(world: World, run: str, fence: int) -> None:
    import msgspec

    from tests.integration.scheduler.conftest import finished

    task = world.detail(run).tasks[0]
    message = Message(task.id, run)
    outcome = finished(message, fence, "succeeded", at=world.clock.now_ms())
    world.bus.scripts.run(
        "settle", ["worker", str(fence), 100_000, task.id, fence, "ack", msgspec.json.encode(outcome), "", b"", 0]
    )


class Message:
    """As much of a task's message as an outcome is made of."""

    def __init__(self, task: str, run: str) -> None:
        self.task = task
        self.run = run
        self.attempt = 1
