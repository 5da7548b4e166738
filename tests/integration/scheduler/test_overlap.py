"""What becomes of a run when no slot of its key is free, policy by policy, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from rota.jobs import Overlap
from rota.runs import Cause
from rota.states import RunState
from scheduler.admission.admitting import Admitted, Request, admit, deliver
from scheduler.runs import control
from store.engine import Store
from store.queries import announcements, runs
from store.records import RunRecord
from tests.factories import make_outcome, make_task
from tests.integration.scheduler.conftest import REGISTRY, World, states

WAITING, QUEUED, CANCELLED, SKIPPED = RunState.WAITING, RunState.QUEUED, RunState.CANCELLED, RunState.SKIPPED


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """A store of either kind."""
    store = Store(database_url)
    yield store
    store.close()


def start(world: World, *keys: str, job: str = "tidy", **fields: Any) -> list[Admitted]:
    requests = [Request(job=job, cause=Cause.of_person("alice", key), **fields) for key in keys]
    admitted = admit(world.store, requests, now=world.clock.now_ms(), actors=REGISTRY)
    deliver(world.bus, admitted)
    return admitted


def run_of(world: World, admitted: Admitted) -> RunRecord:
    return world.detail(admitted.run).run


def ends_left(world: World) -> list[str]:
    """The runs whose ends are still to be announced."""
    with world.store.reading() as conn:
        return announcements.left_ends(conn)


def test_skip_names_the_run_in_the_way(world: World) -> None:
    world.define(overlap="skip")

    one, two = start(world, "1", "2")
    (three,) = start(world, "3")

    assert [one.state, two.state, three.state] == [QUEUED, SKIPPED, SKIPPED]
    assert three.reason == two.reason == f"run {one.run} is still open"
    assert run_of(world, three).reason == three.reason


def test_buffer_one_keeps_one_waiting(world: World) -> None:
    world.define(overlap="buffer_one")

    one, two, three = start(world, "1", "2", "3")
    (four,) = start(world, "4")

    assert [each.state for each in (one, two, three, four)] == [QUEUED, WAITING, SKIPPED, SKIPPED]
    assert two.reason == f"waits: run {one.run} is still open"
    assert four.reason == f"one run waits already: {two.run}"
    assert (two.messages, len(world.messages())) == ((), 1)


def test_buffered_runs_start_one_after_the_other_in_their_order(world: World) -> None:
    world.define(overlap="buffer_all")
    admitted = start(world, "1", "2", "3")

    worked = []
    for _ in admitted:
        worked += [message.run for message in world.work()]
        world.record()

    assert worked == [one.run for one in admitted]
    assert states(world.runs()) == [RunState.SUCCEEDED] * 3


def test_limit_of_two_is_used_fully(world: World) -> None:
    world.define(overlap="buffer_all", concurrency={"limit": 2})
    admitted = start(world, *"12345")

    batches = []
    for _ in range(3):
        batches.append([message.run for message in world.work()])
        world.record()

    assert [len(batch) for batch in batches] == [2, 2, 1]
    assert sum(batches, []) == [one.run for one in admitted]


def test_those_who_wait_go_by_priority(world: World) -> None:
    world.define("low", overlap="buffer_all", concurrency={"key": "disk"}, priority="low")
    world.define("high", overlap="buffer_all", concurrency={"key": "disk"}, priority="high")
    start(world, "1", job="low")
    (second,) = start(world, "2", job="low")
    (third,) = start(world, "3", job="high")

    world.work()
    world.record()

    assert [message.run for message in world.work()] == [third.run]
    world.record()
    assert [message.run for message in world.work()] == [second.run]


def test_jobs_that_share_a_key_share_its_slots(world: World) -> None:
    world.define("copy", overlap="skip", concurrency={"key": "disk"})
    world.define("scan", overlap="buffer_all", concurrency={"key": "disk"})
    (held,) = start(world, "1", job="copy")

    (waits,) = start(world, "2", job="scan")
    (skipped,) = start(world, "3", job="copy")

    assert waits.reason == f"waits: run {held.run} of the job copy, with the key disk, is still open"
    assert skipped.state is SKIPPED


def test_freed_slot_is_not_taken_past_those_who_wait(world: World) -> None:
    world.define(overlap="buffer_all")
    start(world, "1")
    (second,) = start(world, "2")
    world.work()
    world.record()

    (third,) = start(world, "3")

    assert (run_of(world, second).state, third.state) == (QUEUED, WAITING)


def test_cancel_other_waits_for_the_oldest_to_go(world: World) -> None:
    world.define(overlap="cancel_other")
    (one,) = start(world, "1")
    world.bus.scripts.run("fetch", ["default", "worker", 1, 60_000])

    (two,) = start(world, "2")
    (three,) = start(world, "3")

    (task,) = world.detail(one.run).tasks
    assert world.bus.client.hget(world.bus.keys.control, task.id) == b"cancel"
    assert run_of(world, one).reason == f"cancelled in favour of run {two.run} (overlap: cancel_other)"
    assert run_of(world, two).state is CANCELLED
    assert run_of(world, two).reason == f"cancelled in favour of run {three.run} (overlap: cancel_other)"
    assert ends_left(world) == [two.run]
    assert three.state is WAITING


def test_run_that_was_cancelled_for_another_says_so_and_the_other_starts(world: World) -> None:
    world.define(overlap="cancel_other")
    (one,) = start(world, "1")

    (two,) = start(world, "2")
    world.record()

    assert run_of(world, one).state is CANCELLED
    assert run_of(world, one).reason == f"cancelled in favour of run {two.run} (overlap: cancel_other)"
    assert [message.run for message in world.work()] == [two.run]


def test_cancel_other_starts_at_once_when_the_other_ends_at_once(world: World) -> None:
    world.define(overlap="cancel_other")
    (one,) = start(world, "1")
    control.pause(world.store, world.bus, [one.run])
    world.record()

    (two,) = start(world, "2")

    assert (run_of(world, one).state, two.state) == (CANCELLED, QUEUED)


def test_terminate_other_ends_the_oldest_and_starts_at_once(world: World) -> None:
    world.define(overlap="terminate_other", concurrency={"limit": 2})
    one, two = start(world, "1", "2")
    world.bus.scripts.run("fetch", ["default", "worker", 1, 60_000])
    (task,) = world.detail(one.run).tasks

    (three,) = start(world, "3")

    ended = world.detail(one.run)
    assert (ended.run.state, ended.tasks[0].state) == (CANCELLED, CANCELLED)
    assert ended.run.reason == f"ended in favour of run {three.run} (overlap: terminate_other)"
    assert ends_left(world) == [one.run]
    assert [run_of(world, each).state for each in (two, three)] == [QUEUED, QUEUED]
    assert task.id not in world.messages()


def test_report_of_a_terminated_task_is_refused(world: World) -> None:
    world.define(overlap="terminate_other")
    (one,) = start(world, "1")
    start(world, "2")
    record = run_of(world, one)
    (found,) = world.detail(one.run).tasks
    task = make_task(_as_new(record), id=found.id)

    world.duties.recorder.take([("0-1", make_outcome("finished", task, fence=10**6))])

    assert world.duties.tally.take()["outcomes_refused"] == 1
    assert run_of(world, one).state is CANCELLED


def test_termination_that_was_not_told_is_told_by_the_leader(world: World) -> None:
    world.define(overlap="terminate_other")
    (one,) = start(world, "1")
    (task,) = world.detail(one.run).tasks
    request = Request(job="tidy", cause=Cause.of_person("alice", "2"))
    admit(world.store, [request], now=world.clock.now_ms(), actors=REGISTRY)
    assert task.id in world.messages()

    world.duties.waiting.step()

    assert task.id not in world.messages()
    with world.store.reading() as conn:
        assert runs.untold(conn) == {}


@pytest.mark.parametrize("overlap", ["cancel_other", "terminate_other"])
def test_only_the_last_of_a_batch_is_left_where_each_takes_the_place_of_the_one_before(
    world: World, overlap: Overlap
) -> None:
    world.define(overlap=overlap)

    *others, last = start(world, *"1234")

    assert {one.state for one in others} == {SKIPPED}
    assert others[0].reason == f"cancelled in favour of run {others[1].run} (overlap: {overlap})"
    assert last.state is QUEUED
    assert [message.run for message in world.work()] == [last.run]


def test_same_cause_twice_takes_nobody_elses_place(world: World) -> None:
    world.define(overlap="terminate_other")
    (first,) = start(world, "1")

    again, twin = start(world, "1", "1")

    assert (again.run, twin.run, again.repeated, twin.repeated) == (first.run, first.run, True, True)
    assert run_of(world, first).state is QUEUED


def test_request_may_bring_a_policy_of_its_own(world: World) -> None:
    world.define("free", overlap="allow_all")
    world.define("strict", overlap="skip")

    free = start(world, "1", "2", job="free", overlap="buffer_all")
    strict = start(world, "1", "2", job="strict", overlap="allow_all")

    assert [one.state for one in free] == [QUEUED, WAITING]
    assert [one.state for one in strict] == [QUEUED, QUEUED]


def test_tick_beyond_the_bound_is_skipped(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scheduler.admission.limits.MOST_WAITING", 3)
    world.define(overlap="buffer_all")

    admitted = start(world, *"123456")

    assert [one.state for one in admitted] == [QUEUED, WAITING, WAITING, WAITING, SKIPPED, SKIPPED]
    assert admitted[-1].reason == "3 runs wait for the job tidy already, more are not kept"


def _as_new(record: RunRecord) -> Any:
    from tests.factories import make_run

    return make_run(id=record.id, job=record.job, cause=record.cause)
