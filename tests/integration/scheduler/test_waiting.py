"""Runs that wait for a slot: paused, resumed, cancelled, promoted, and never forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from rota.errors import BusUnavailable
from rota.runs import Cause
from rota.states import RunState
from scheduler.admission.admitting import Admitted, Request, admit, deliver
from scheduler.runs import control
from store.engine import Store
from store.queries import revision, runs
from tests.factories import make_job
from tests.integration.scheduler.conftest import REGISTRY, World, states
from tests.integration.scheduler.test_overlap import run_of, start

WAITING, QUEUED, CANCELLED, PAUSED = RunState.WAITING, RunState.QUEUED, RunState.CANCELLED, RunState.PAUSED


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """A store of either kind."""
    store = Store(database_url)
    yield store
    store.close()


def end(world: World) -> None:
    """Let what runs succeed, and record it."""
    world.work()
    world.record()


def held_and_waiting(world: World, count: int = 2, **fields: Any) -> list[Admitted]:
    world.define(**{"overlap": "buffer_all", **fields})
    return start(world, *map(str, range(count)))


def test_waiting_run_is_cancelled_at_once(world: World) -> None:
    _, two = held_and_waiting(world)

    result = control.cancel(world.store, world.bus, [two.run], now=world.clock.now_ms(), reason="cancelled by alice")
    end(world)

    assert ([one.run for one in result.ended], result.tasks) == ([two.run], ())
    found = world.detail(two.run)
    assert (found.run.state, found.run.reason) == (CANCELLED, "cancelled by alice")
    assert [task.state for task in found.tasks] == [CANCELLED]
    assert world.work() == []


def test_paused_one_lets_others_pass_and_waits_again_when_it_is_resumed(world: World) -> None:
    _, two, three, four = held_and_waiting(world, 4)
    control.pause(world.store, world.bus, [two.run])
    assert run_of(world, two).state is PAUSED

    end(world)
    assert [run_of(world, one).state for one in (two, three, four)] == [PAUSED, QUEUED, WAITING]
    control.resume(world.store, world.bus, [two.run], now=world.clock.now_ms(), actors=REGISTRY)

    assert run_of(world, two).state is WAITING
    end(world)
    assert [message.run for message in world.work()] == [two.run]


def test_resumed_run_starts_at_once_where_its_slot_is_free(world: World) -> None:
    _, two = held_and_waiting(world)
    control.pause(world.store, world.bus, [two.run])
    end(world)

    control.resume(world.store, world.bus, [two.run], now=world.clock.now_ms(), actors=REGISTRY)

    assert [message.run for message in world.work()] == [two.run]


def test_paused_one_keeps_the_only_place_to_wait(world: World) -> None:
    _, two = held_and_waiting(world, overlap="buffer_one")
    control.pause(world.store, world.bus, [two.run])

    (three,) = start(world, "x")

    assert three.reason == f"one run waits already: {two.run}"


def test_slot_that_a_person_freed_is_given_on_by_the_leader(world: World) -> None:
    one, two = held_and_waiting(world)
    control.pause(world.store, world.bus, [one.run])
    world.record()
    control.cancel(world.store, world.bus, [one.run], now=world.clock.now_ms(), reason="cancelled by alice")

    world.duties.waiting.step()

    assert [message.run for message in world.work()] == [two.run]


def test_lost_task_that_is_ended_gives_its_slot_on(world: World) -> None:
    one, two = held_and_waiting(world)
    world.bus.client.flushall()
    world.duties.leader.campaign()
    control.cancel(world.store, world.bus, [one.run], now=world.clock.now_ms(), reason="cancelled by alice")

    world.duties.sweeper.sweep(grace_ms=-1000)

    assert run_of(world, one).state is CANCELLED
    assert run_of(world, one).reason == "cancelled by alice"
    assert [message.run for message in world.work()] == [two.run]


def test_promoted_run_whose_message_was_not_sent_is_sent_by_the_sweeper(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, two = held_and_waiting(world)
    world.work()

    def away(*_: object, **__: object) -> int:
        raise BusUnavailable("it is away")

    with monkeypatch.context() as patch:
        patch.setattr(world.bus.sender, "send", away)
        with pytest.raises(BusUnavailable):
            world.record()
    assert run_of(world, two).state is QUEUED
    other = world.take_over()

    other.sweeper.step()

    assert [message.run for message in world.work()] == [two.run]


def test_nothing_is_promoted_while_everything_is_paused(world: World) -> None:
    _, two = held_and_waiting(world)
    with world.store.writing() as conn:
        revision.pause_everything(conn, person="alice", at=world.clock.now_ms())

    end(world)
    world.duties.waiting.step()
    assert run_of(world, two).state is WAITING
    with world.store.writing() as conn:
        revision.resume_everything(conn, person="alice", at=world.clock.now_ms())
    (three,) = start(world, "late")
    world.duties.waiting.step()

    assert three.state is WAITING
    assert [message.run for message in world.work()] == [two.run]


def test_time_limit_counts_from_the_start(world: World) -> None:
    one, two = held_and_waiting(world, timeout="PT1H")
    assert run_of(world, one).timeout_at is not None
    assert run_of(world, two).timeout_at is None

    before = world.clock.now_ms()
    end(world)

    timeout_at = run_of(world, two).timeout_at
    assert timeout_at is not None
    assert before + 3_600_000 <= timeout_at <= world.clock.now_ms() + 3_600_000


def test_lateness_counts_from_the_request(world: World) -> None:
    one, two = held_and_waiting(world, late_after="PT1H")
    with world.store.reading() as conn:
        late = [
            conn.exec_driver_sql(f"SELECT late_at FROM runs WHERE id = '{each.run}'").scalar() for each in (one, two)
        ]

    assert late == [run_of(world, one).queued_at + 3_600_000, run_of(world, two).queued_at + 3_600_000]


def test_run_that_waits_follows_the_definition_that_it_was_admitted_under(world: World) -> None:
    _, two = held_and_waiting(world)
    with world.store.writing() as conn:
        from store.queries import jobs

        changed = make_job("tidy", steps=[{"id": "other", "actor": "sleep", "with": {"seconds": 9}}])
        jobs.save(conn, changed, author="tester", source="test", at=world.clock.now_ms())

    end(world)

    assert [(message.run, message.step) for message in world.work()] == [(two.run, "main")]


def test_later_steps_of_a_promoted_run_follow(world: World) -> None:
    steps = [
        {"id": "a", "actor": "sleep", "with": {"seconds": 1}},
        {"id": "b", "actor": "sleep", "needs": ["a"], "with": {"seconds": 1}},
    ]
    _, two = held_and_waiting(world, steps=steps)
    end(world)
    end(world)

    worked = [message.step for message in world.work()]
    world.record()
    worked += [message.step for message in world.work()]
    world.record()

    assert worked == ["a", "b"]
    assert run_of(world, two).state is RunState.SUCCEEDED


def test_first_step_with_a_list_is_made_when_the_run_starts(world: World) -> None:
    steps = [{"id": "a", "actor": "sleep", "for_each": "[1, 2]", "with": {"seconds": "${item}"}}]
    _, two = held_and_waiting(world, steps=steps)
    assert len(world.detail(two.run).tasks) == 1

    end(world)

    assert [message.params for message in world.work()] == [{"seconds": 1}, {"seconds": 2}]
    world.record()
    assert states(world.runs()) == [RunState.SUCCEEDED] * 2


def test_run_that_has_nothing_to_do_gives_its_slot_on(world: World) -> None:
    steps = [{"id": "a", "actor": "sleep", "when": "params.go", "with": {"seconds": 1}}]
    world.define(overlap="buffer_all", steps=steps, params={"go": {"type": "boolean"}})
    start(world, "1", params={"go": True})
    (idle,) = start(world, "2", params={"go": False})
    (third,) = start(world, "3", params={"go": True})

    end(world)

    assert run_of(world, idle).state in (RunState.SUCCEEDED, RunState.SKIPPED)
    assert [message.run for message in world.work()] == [third.run]


def test_keys_are_looked_through_page_by_page(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scheduler.waiting.PAGE", 2)
    world.define(overlap="buffer_all", params={"n": {"type": "integer"}}, concurrency={"key": "k${params.n}"})
    waiting = []
    for n in range(5):
        start(world, f"a{n}", params={"n": n})
        waiting += start(world, f"b{n}", params={"n": n})
    with world.store.writing() as conn:
        revision.pause_everything(conn, person="alice", at=world.clock.now_ms())
    end(world)
    with world.store.writing() as conn:
        revision.resume_everything(conn, person="alice", at=world.clock.now_ms())

    world.duties.waiting.step()

    assert {message.run for message in world.work()} == {one.run for one in waiting}


def test_standby_promotes_nothing(world: World) -> None:
    _, two = held_and_waiting(world)
    with world.store.writing() as conn:
        runs.terminate(conn, [one.id for one in world.runs() if one.state is QUEUED], at=1, reason="gone")

    world.other().waiting.step()

    assert run_of(world, two).state is WAITING


def test_admission_while_redis_is_away_still_lines_up(world: World) -> None:
    world.define(overlap="buffer_all")
    requests = [Request(job="tidy", cause=Cause.of_person("alice", key)) for key in "12"]
    admitted = admit(world.store, requests, now=world.clock.now_ms(), actors=REGISTRY)
    assert [one.state for one in admitted] == [QUEUED, WAITING]

    deliver(world.bus, admitted)
    end(world)

    assert [message.run for message in world.work()] == [admitted[1].run]
