"""What got lost is found: in Redis, between the store and Redis, or with a request that reached nobody."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rota.errors import BusUnavailable
from rota.runs import Cause
from rota.states import RunState
from scheduler.admission.admitting import Admitted, Request, admit, deliver
from scheduler.runs import control
from scheduler.sweeper import GRACE_MS
from store.engine import Store
from tests.integration.scheduler.conftest import REGISTRY, World


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """A store of either kind."""
    store = Store(database_url)
    yield store
    store.close()


def start(world: World, *keys: str, sent: bool = True) -> list[Admitted]:
    requests = [Request(job="tidy", cause=Cause.of_person("alice", key)) for key in keys]
    admitted = admit(world.store, requests, now=world.clock.now_ms(), actors=REGISTRY)
    if sent:
        deliver(world.bus, admitted)
    return admitted


def after_grace(world: World) -> None:
    """Sweep as if the grace had passed."""
    world.duties.sweeper.sweep(grace_ms=-GRACE_MS)


def test_queued_tasks_are_sent_again_after_redis_was_emptied(world: World) -> None:
    world.define()
    sent = {message.task for one in start(world, "1", "2", "3") for message in one.messages}
    world.bus.client.flushall()

    world.duties.leader.campaign()
    world.duties.sweeper.step()

    assert world.messages() == sent
    assert len(world.work()) == 3
    world.record()
    assert {run.state for run in world.runs()} == {RunState.SUCCEEDED}


def test_running_task_continues_from_its_checkpoint_after_redis_was_emptied(world: World) -> None:
    world.define()
    (one,) = start(world, "1")
    ((fence, message),) = lease(world)
    report(world, message, fence, kind="started")
    report(world, message, fence, kind="checkpoint", checkpoint={"at": 7})
    world.record()
    world.bus.client.flushall()

    world.duties.leader.campaign()
    world.duties.sweeper.step()
    (again,) = world.work()
    world.record()

    assert (again.state, again.attempt) == ({"at": 7}, 1)
    task = world.detail(one.run).tasks[0]
    assert (task.state, task.repeats) == (RunState.SUCCEEDED, 1)
    assert [attempt.state for attempt in task.attempts] == ["lost", "succeeded"]


def test_message_that_was_never_sent_is_sent_after_the_grace(world: World) -> None:
    world.define()
    world.duties.sweeper.step()
    start(world, "1", sent=False)

    world.duties.sweeper.step()
    assert world.messages() == set(), "it may be on its way"
    after_grace(world)

    assert len(world.messages()) == 1
    assert world.duties.tally.take()["tasks_sent_again"] == 1


def test_new_leader_sends_at_once_what_was_never_sent(world: World) -> None:
    world.define()
    start(world, "1", sent=False)

    world.take_over().sweeper.step()

    assert len(world.messages()) == 1


def test_task_that_ended_and_is_not_recorded_is_left_alone(world: World) -> None:
    world.define()
    start(world, "1")
    world.work()

    after_grace(world)

    assert world.messages() == set()
    world.record()
    after_grace(world)
    assert world.messages() == set()


def test_waiting_task_is_left_alone(world: World) -> None:
    world.define()
    start(world, "1")

    after_grace(world)
    after_grace(world)

    assert "tasks_sent_again" not in world.duties.tally.take()
    assert world.waiting() == 1


def test_more_than_a_page_is_walked_through(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scheduler.sweeper.PAGE", 10)
    world.define()
    start(world, *(str(n) for n in range(45)), sent=False)

    world.duties.leader.campaign()
    passes = 0
    while world.duties.sweeper._epoch is None:
        world.duties.sweeper.step()
        passes += 1

    assert len(world.messages()) == 45
    assert passes == 3


def test_cancel_of_a_lost_task_ends_it(world: World) -> None:
    world.define()
    (one,) = start(world, "1", sent=False)
    control.cancel(world.store, world.bus, [one.run], now=world.clock.now_ms(), reason="cancelled by alice")
    assert world.runs()[0].state is RunState.QUEUED

    after_grace(world)

    assert world.runs()[0].state is RunState.CANCELLED
    assert world.messages() == set()


def test_cancel_that_redis_did_not_hear_is_told_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.define()
    (one,) = start(world, "1")

    def away(*_: object) -> None:
        raise BusUnavailable("it is away")

    with monkeypatch.context() as patch:
        patch.setattr(world.bus.control, "request", away)
        control.cancel(world.store, world.bus, [one.run], now=world.clock.now_ms(), reason="cancelled by alice")
    after_grace(world)
    world.record()

    assert world.runs()[0].state is RunState.CANCELLED


def test_run_that_takes_too_long_is_cancelled(world: World) -> None:
    world.define(timeout="PT1S")
    (one,) = start(world, "1")
    with world.store.writing() as conn:
        conn.exec_driver_sql("UPDATE runs SET timeout_at = 1")

    world.duties.sweeper.step()
    world.record()

    record = world.detail(one.run).run
    assert record.state is RunState.CANCELLED


def test_expired_lease_is_taken_back(world: World) -> None:
    world.define()
    start(world, "1")
    world.bus.scripts.run("fetch", ["default", "worker", 1, 0])

    world.duties.sweeper.step()

    assert world.waiting() == 1


def test_counts_reach_redis(world: World) -> None:
    world.duties.tally.add("ticks_run", 3)
    world.duties.sweeper.step()
    world.duties.tally.add("ticks_run", 4)
    world.duties.sweeper.step()

    assert world.bus.census.figures().counters["ticks_run"] == 7


def lease(world: World) -> list[tuple[int, dict]]:
    import msgspec

    answer = world.bus.scripts.run("fetch", ["default", "worker", 100, 60_000])
    return [
        (int(answer[at + 1]), msgspec.json.decode(answer[at + 4])["options"]["rota"]) for at in range(0, len(answer), 5)
    ]


def report(world: World, message: dict, fence: int, *, kind: str, **fields: object) -> None:
    from rota.messages import Outcome, encode

    outcome = Outcome(
        kind=kind, task=message["task"], run=message["run"], fence=fence, attempt=1, worker="worker", at=1, **fields
    )
    world.bus.client.xadd(world.bus.keys.outcomes, {"b": encode(outcome)})
