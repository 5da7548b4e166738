"""Ended runs are started once more: as a whole, or only what failed in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from rota.errors import NotFound, Refused
from rota.events import Event
from rota.runs import Cause
from rota.states import RunState
from rota.times import rfc3339
from scheduler.admission.admitting import Admitted, Request, admit, deliver
from scheduler.runs import control
from scheduler.runs.retrying import retry
from store.engine import Store
from store.queries import announcements, jobs, revision
from tests.factories import NOW
from tests.integration.scheduler.conftest import REGISTRY, World


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """A store of either kind."""
    store = Store(database_url)
    yield store
    store.close()


def start(world: World, key: str = "1", **params: Any) -> str:
    request = Request(job="tidy", cause=Cause.of_person("alice", key), params=params)
    admitted = admit(world.store, [request], now=world.clock.now_ms(), actors=REGISTRY)
    deliver(world.bus, admitted)
    return admitted[0].run


def again(world: World, run: str, **fields: Any) -> Admitted:
    return retry(world.store, world.bus, run, person="alice", now=world.clock.now_ms(), actors=REGISTRY, **fields)


def failed_only(world: World, run: str, **fields: Any) -> str:
    return again(world, run, only="failed", **fields).run


def step(step_id: str, *needs: str, seconds: object = 1, **fields: object) -> dict[str, object]:
    return {"id": step_id, "actor": "sleep", "needs": needs, "with": {"seconds": seconds}, **fields}


def task_states(world: World, run: str) -> list[tuple[str, str]]:
    return [(task.step, task.state.value) for task in world.detail(run).tasks]


def end(world: World, *states: str, **fields: Any) -> None:
    """Let workers end what waits, round by round, in these states."""
    for state in states:
        world.work(state=state, **fields)
        world.record()


def test_retry_is_a_new_run_with_the_same_parameters_and_event(world: World) -> None:
    world.define(
        params={"n": {"type": "integer", "default": 1}},
        triggers=[{"event": "ping"}],
        steps=[step("a", seconds="${event.data.seconds}")],
    )
    world.bus.events.publish([Event(id="1", source="test", type="ping", data={"seconds": 5})])
    world.duties.events.step()
    (first,) = world.runs()
    end(world, "failed")

    once, twice = again(world, first.id, request_id="x"), again(world, first.id, request_id="x")

    assert once.run == twice.run
    record = world.detail(once.run).run
    assert (record.cause.kind, record.cause.parent, record.cause.person) == ("parent", first.id, "alice")
    assert world.work()[0].params == {"seconds": 5}
    assert world.detail(first.id).run.state is RunState.FAILED


def test_open_or_unknown_run_cannot_be_retried(world: World) -> None:
    world.define()
    run = start(world)

    with pytest.raises(Refused, match="queued"):
        again(world, run)
    with pytest.raises(NotFound):
        again(world, "nobody")


def test_steps_that_succeeded_are_taken_over_with_their_results(world: World) -> None:
    world.define(steps=[step("a"), step("b", "a", seconds="${steps.a.result.n}"), step("c", "b")])
    first = start(world)
    world.work(result={"n": 7})
    world.record()
    end(world, "failed")

    second = failed_only(world, first)

    assert task_states(world, second) == [("a", "succeeded"), ("b", "queued"), ("c", "waiting")]
    kept = world.detail(second).tasks[0]
    assert (kept.result, kept.reason, kept.attempt, kept.attempts) == (
        {"n": 7},
        f"taken over from run {first}",
        0,
        (),
    )
    assert [message.params for message in world.work()] == [{"seconds": 7}]
    world.record()
    end(world, "succeeded")
    assert world.detail(second).run.state is RunState.SUCCEEDED


def test_what_comes_after_a_step_that_runs_again_is_decided_anew(world: World) -> None:
    world.define(steps=[step("a"), step("tidy", "a", when="failure"), step("tell", "a", when="always")])
    first = start(world)
    end(world, "failed", "succeeded")
    assert task_states(world, first) == [("a", "failed"), ("tidy", "succeeded"), ("tell", "succeeded")]

    second = failed_only(world, first)
    end(world, "succeeded")

    assert task_states(world, second) == [("a", "succeeded"), ("tidy", "skipped"), ("tell", "queued")]


def test_only_the_branches_that_failed_run_again(world: World) -> None:
    world.define(
        params={"list": {"type": "list", "default": [1, 2, 3, 4]}},
        steps=[
            step("a", seconds="${item}", for_each={"items": "params.list", "parallel": 1}),
            step("b", "a", seconds="${steps.a.result}"),
        ],
    )
    first = start(world)
    for n, state in enumerate(("succeeded", "failed", "succeeded", "failed")):
        end(world, state, result=n if state == "succeeded" else None)

    second = failed_only(world, first)

    assert [(task.branch, task.item, task.state.value) for task in world.detail(second).tasks] == [
        (0, 1, "succeeded"),
        (1, 2, "queued"),
        (2, 3, "succeeded"),
        (3, 4, "waiting"),
        (-1, None, "waiting"),
    ]
    end(world, "succeeded", "succeeded", result="again")
    (last,) = world.work()
    assert last.params == {"seconds": [0, "again", 2, "again"]}
    world.record()
    record = world.detail(second).run
    assert (record.state, record.task_count) == (RunState.SUCCEEDED, 5)


def test_a_cancelled_run_goes_on_where_it_was(world: World) -> None:
    world.define(steps=[step("a"), step("b", "a")])
    first = start(world)
    end(world, "succeeded")
    control.cancel(world.store, world.bus, [first], now=world.clock.now_ms(), reason="cancelled by alice")
    world.record()

    second = failed_only(world, first)

    assert task_states(world, second) == [("a", "succeeded"), ("b", "queued")]


def test_it_follows_the_version_of_the_ended_run(world: World) -> None:
    world.define(steps=[step("a"), step("b", "a", seconds=5)])
    first = start(world)
    end(world, "succeeded", "failed")
    world.define(steps=[step("z")])

    second, whole = failed_only(world, first), again(world, first).run

    assert task_states(world, second) == [("a", "succeeded"), ("b", "queued")]
    assert task_states(world, whole) == [("z", "queued")]
    end(world, "succeeded")
    assert world.detail(second).run.state is RunState.SUCCEEDED


def test_a_run_that_waits_for_a_slot_keeps_what_it_took_over(world: World) -> None:
    world.define(overlap="buffer_one", steps=[step("a"), step("b", "a")])
    first = start(world)
    end(world, "succeeded", "failed")
    other = start(world, "2")

    second = failed_only(world, first)
    assert world.detail(second).run.state is RunState.WAITING
    assert task_states(world, second) == [("a", "succeeded"), ("b", "waiting")]
    control.cancel(world.store, world.bus, [other], now=world.clock.now_ms(), reason="cancelled by alice")
    world.record()
    world.duties.waiting.step()

    assert task_states(world, second) == [("a", "succeeded"), ("b", "queued")]
    end(world, "succeeded")
    assert world.detail(second).run.state is RunState.SUCCEEDED


@pytest.mark.parametrize("only", [None, "failed"])
def test_a_disabled_job_is_not_started_again(world: World, only: Any) -> None:
    world.define()
    first = start(world)
    end(world, "failed")
    with world.store.writing() as conn:
        jobs.set_enabled(conn, ["tidy"], False, at=1)

    with pytest.raises(Refused, match="disabled"):
        again(world, first, only=only)


def test_a_run_in_which_nothing_failed_is_refused(world: World) -> None:
    world.define(overlap="skip")
    first = start(world)
    skipped = start(world, "2")
    end(world, "succeeded")

    with pytest.raises(Refused, match="the run succeeded"):
        failed_only(world, first)
    with pytest.raises(Refused, match="the run was skipped"):
        failed_only(world, skipped)


def test_the_gathered_events_go_to_the_new_run_too(world: World) -> None:
    world.define(
        triggers=[{"event": "ping", "debounce": {"quiet": "PT1S", "max_events": 2}}],
        steps=[step("a"), step("b", "a", seconds="${events.map(e, e.id)}")],
    )
    world.bus.events.publish([Event(id=str(n), source="test", type="ping") for n in (1, 2)])
    world.duties.events.step()
    (first,) = world.runs()
    end(world, "succeeded", "failed")

    failed_only(world, first.id)

    assert [message.params for message in world.work()] == [{"seconds": ["1", "2"]}]


@pytest.mark.parametrize("only", [None, "failed"])
def test_nothing_is_started_again_while_everything_is_paused(world: World, only: Any) -> None:
    world.define()
    first = start(world)
    end(world, "failed")
    with world.store.writing() as conn:
        revision.pause_everything(conn, person="alice", at=world.clock.now_ms())

    with pytest.raises(Refused, match="everything is paused by alice"):
        again(world, first, only=only)


@pytest.mark.parametrize("only", [None, "failed"])
def test_the_new_run_is_told_the_same_due_time(world: World, only: Any) -> None:
    world.define(steps=[step("a", seconds="${run.due}")], late_after="PT1H")
    request = Request(job="tidy", cause=Cause.of_tick("abc", NOW))
    (first,) = admit(world.store, [request], now=world.clock.now_ms(), actors=REGISTRY)
    deliver(world.bus, [first])
    end(world, "failed")

    second = again(world, first.run, only=only).run

    assert [message.params for message in world.work()] == [{"seconds": rfc3339(NOW)}]
    with world.store.reading() as conn:
        late = announcements.late_runs(conn, now=world.clock.now_ms() + 2 * 3_600_000)
    assert [one.due for one in late if one.run == second] == [None], "it is not late since then"
