"""What workers report becomes the history, once, and brings runs to their next steps and their end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from rota.errors import BusUnavailable, StoreUnavailable
from rota.runs import Cause
from rota.states import RunState
from scheduler.admission.admitting import Admitted, Request, admit, deliver
from store.engine import Store
from store.queries import jobs
from tests.factories import make_job
from tests.integration.scheduler.conftest import REGISTRY, World


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """A store of either kind."""
    store = Store(database_url)
    yield store
    store.close()


def start(world: World, key: str = "1", **fields: Any) -> Admitted:
    request = Request(job="tidy", cause=Cause.of_person("alice", key), **fields)
    admitted = admit(world.store, [request], now=world.clock.now_ms(), actors=REGISTRY)
    deliver(world.bus, admitted)
    return admitted[0]


def step(step_id: str, *needs: str, seconds: object = 1, **fields: object) -> dict[str, object]:
    return {"id": step_id, "actor": "sleep", "needs": needs, "with": {"seconds": seconds}, **fields}


def task_states(world: World, run: str) -> dict[str, str]:
    return {task.step: task.state.value for task in world.detail(run).tasks}


def test_end_of_the_only_task_ends_the_run(world: World) -> None:
    world.define(overlap="skip")
    run = start(world).run
    world.work(result={"n": 3})

    world.record()

    record = world.detail(run).run
    assert (record.state, record.result, record.slot_key) == (RunState.SUCCEEDED, {"n": 3}, None)
    assert world.bus.outcomes.waiting() == 0
    assert world.bus.census.figures().settled == 0
    assert start(world, "2").state is RunState.QUEUED, "its slot is free again"


def test_reading_again_changes_nothing(world: World) -> None:
    world.define()
    run = start(world).run
    world.work(state="failed")
    entries = world.bus.outcomes.read(block_ms=1)

    world.duties.recorder.take(entries)
    before = world.detail(run)
    world.duties.recorder.take(entries)

    assert world.detail(run) == before
    assert before.run.state is RunState.FAILED
    assert before.run.error is not None
    assert before.run.error.message == "it broke"
    assert len(before.tasks[0].attempts) == 1


def test_database_away_drops_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.define()
    run = start(world).run
    world.work()

    def away(*_: object) -> None:
        raise StoreUnavailable("it is away")

    with monkeypatch.context() as patch:
        patch.setattr(world.store, "write", away)
        with pytest.raises(StoreUnavailable):
            world.duties.recorder.step()
    assert world.bus.outcomes.waiting() == 1
    world.duties.recorder.step()

    assert world.detail(run).run.state is RunState.SUCCEEDED
    assert world.bus.outcomes.waiting() == 0


def test_next_leader_reads_what_the_last_one_left(world: World) -> None:
    world.define()
    run = start(world).run
    world.work()
    assert world.bus.outcomes.read(block_ms=1)

    world.take_over().recorder.step()

    assert world.detail(run).run.state is RunState.SUCCEEDED


def test_undecodable_outcome_is_dropped_and_its_neighbours_recorded(world: World) -> None:
    world.define()
    run = start(world).run
    world.bus.client.xadd(world.bus.keys.outcomes, {"b": b"\xff{"})
    world.work()

    world.record()

    assert world.detail(run).run.state is RunState.SUCCEEDED
    assert world.bus.outcomes.waiting() == 0
    assert world.duties.tally.take()["outcomes_dropped"] == 1


def test_outcome_that_the_store_refuses_is_dropped_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.define()
    good, bad = start(world, "1").run, start(world, "2").run
    world.work()
    recorder = world.duties.recorder
    real = recorder._record

    def refuse(conn: Any, entries: Any) -> Any:
        if any(outcome.run == bad for _, outcome in entries):
            raise ValueError("it does not fit")
        return real(conn, entries)

    monkeypatch.setattr(recorder, "_record", refuse)
    world.record()

    assert world.detail(good).run.state is RunState.SUCCEEDED
    assert world.detail(bad).run.state is RunState.QUEUED
    assert world.duties.tally.take()["outcomes_dropped"] == 1


def test_steps_follow_each_other_with_results(world: World) -> None:
    world.define(steps=[step("a"), step("b", "a", seconds="${steps.a.result.n + 1}")])
    run = start(world).run
    world.work(result={"n": 4})
    world.record()
    assert task_states(world, run) == {"a": "succeeded", "b": "queued"}
    assert world.detail(run).run.state is RunState.RUNNING

    (second,) = world.work(result={"n": 5})
    world.record()

    assert second.params == {"seconds": 5}
    record = world.detail(run).run
    assert (record.state, record.result) == (RunState.SUCCEEDED, {"n": 5})


def test_failed_step_skips_what_needs_it_and_starts_what_tidies_up(world: World) -> None:
    world.define(steps=[step("a"), step("b", "a"), step("c", "b", when="always"), step("d", "a", when="failure")])
    run = start(world).run
    world.work(state="failed")
    world.record()
    assert task_states(world, run) == {"a": "failed", "b": "skipped", "c": "queued", "d": "queued"}

    world.work()
    world.record()

    record = world.detail(run).run
    assert (record.state, record.reason) == (RunState.FAILED, "the step a failed")
    assert world.detail(run).tasks[1].reason == "when: success, and a failed"


def test_step_whose_expression_has_no_value_fails(world: World) -> None:
    world.define(steps=[step("a"), step("b", "a", seconds="${steps.a.result.missing}"), step("c", "b", when="failure")])
    run = start(world).run
    world.work(result={"n": 4})
    world.record()

    assert task_states(world, run) == {"a": "succeeded", "b": "failed", "c": "queued"}
    (third,) = world.work()
    assert third.step == "c"
    world.record()
    record = world.detail(run).run
    assert record.state is RunState.FAILED
    assert record.error is not None
    assert "missing" in record.error.message


def test_run_goes_on_by_the_definition_it_began_with(world: World) -> None:
    world.define(steps=[step("a"), step("b", "a", seconds=2)])
    run = start(world).run
    world.define(steps=[step("z")])
    world.work()
    world.record()

    (second,) = world.work()

    assert (second.run, second.step) == (run, "b")


def test_next_step_that_could_not_be_sent_is_sent_later(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.define(steps=[step("a"), step("b", "a")])
    start(world)
    world.work()

    def away(*_: object, **__: object) -> int:
        raise BusUnavailable("it is away")

    with monkeypatch.context() as patch:
        patch.setattr(world.bus.sender, "send", away)
        with pytest.raises(BusUnavailable):
            world.duties.recorder.step()
    world.duties.recorder.step()

    assert [message.step for message in world.work()] == ["b"]


def test_job_is_paused_after_failures_in_a_row(world: World) -> None:
    world.define(pause_after_failures=2)
    for n in range(2):
        assert world.job().enabled
        start(world, str(n))
        world.work(state="failed")
        world.record()

    assert not world.job().enabled
    assert world.job().enabled_reason == "paused after 2 failed runs in a row"


def test_job_that_was_enabled_again_may_fail_as_often_again(world: World) -> None:
    world.define(pause_after_failures=1)
    start(world, "first")
    world.work(state="failed")
    world.record()
    assert not world.job().enabled
    with world.store.writing() as conn:
        jobs.save(conn, make_job(pause_after_failures=2), author="a", source="api", at=world.clock.now_ms())
        jobs.set_enabled(conn, ["tidy"], True, at=world.clock.now_ms())

    start(world, "second")
    world.work(state="failed")
    world.record()

    assert world.job().enabled


def test_end_of_a_run_starts_who_listens_for_it(world: World) -> None:
    world.define()
    world.define("after", triggers=[{"event": "run.succeeded", "where": "event.data.job == 'tidy'"}])
    with world.store.reading() as conn:
        world.duties.catalogue.refresh(conn)
    run = start(world).run
    world.work()
    world.record()
    world.duties.events.step()

    (follower,) = world.runs("after")
    assert follower.chain == ("tidy",)
    assert follower.cause.event is not None
    assert follower.cause.event["id"] == f"{run}:succeeded"


def test_ends_are_not_published_while_nobody_listens(world: World) -> None:
    world.define()
    start(world)
    world.work()
    world.record()

    assert world.bus.events.waiting() == 0


def test_outcome_of_an_older_lease_is_refused_and_counted(world: World) -> None:
    from rota.messages import encode
    from tests.integration.scheduler.conftest import finished

    world.define()
    admitted = start(world)
    world.work()
    world.record()
    late = finished(admitted.messages[0], 1, "failed", at=world.clock.now_ms())
    world.bus.client.xadd(world.bus.keys.outcomes, {"b": encode(late)})

    world.record()

    assert world.detail(admitted.run).run.state is RunState.SUCCEEDED
    assert world.duties.tally.take()["outcomes_refused"] == 1
