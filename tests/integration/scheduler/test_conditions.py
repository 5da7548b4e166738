"""Conditions of steps, and what one step is told of another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from rota.events import Event
from rota.runs import Cause
from rota.states import RunState
from scheduler.admission.admitting import Admitted, Request, admit, deliver
from scheduler.runs import control
from store.engine import Store
from tests.integration.scheduler.conftest import REGISTRY, World


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """A store of either kind."""
    store = Store(database_url)
    yield store
    store.close()


def start(world: World, key: str = "1", **params: Any) -> Admitted:
    request = Request(job="tidy", cause=Cause.of_person("alice", key), params=params)
    admitted = admit(world.store, [request], now=world.clock.now_ms(), actors=REGISTRY)
    deliver(world.bus, admitted)
    return admitted[0]


def step(step_id: str, *needs: str, seconds: object = 1, **fields: object) -> dict[str, object]:
    return {"id": step_id, "actor": "sleep", "needs": needs, "with": {"seconds": seconds}, **fields}


def task_states(world: World, run: str) -> dict[str, str]:
    return {task.step: task.state.value for task in world.detail(run).tasks}


def test_a_condition_on_a_result_decides_whether_a_step_runs(world: World) -> None:
    world.define(
        steps=[
            step("scan"),
            step("some", "scan", when="steps.scan.result.created > 0"),
            step("none", "scan", when="steps.scan.result.created == 0"),
        ]
    )
    run = start(world).run
    world.work(result={"created": 3})
    world.record()

    assert task_states(world, run) == {"scan": "succeeded", "some": "queued", "none": "skipped"}
    assert world.detail(run).tasks[2].reason == "when: steps.scan.result.created == 0 was false"
    world.work()
    world.record()
    assert world.detail(run).run.state is RunState.SUCCEEDED


def test_a_condition_sees_errors_and_skipped_steps(world: World) -> None:
    world.define(
        steps=[
            step("a"),
            step("b", "a"),
            step("c", "b", when="steps.b.state == 'skipped' && steps.a.error.type == 'ValueError'"),
        ]
    )
    run = start(world).run
    world.work(state="failed")
    world.record()

    assert task_states(world, run) == {"a": "failed", "b": "skipped", "c": "queued"}


@pytest.mark.parametrize(
    ("when", "reason"),
    [
        ("steps.a.result.missing > 0", "when: 'steps.a.result.missing > 0': "),
        ("steps.a.result.n", "when: 'steps.a.result.n' gives int, not true or false"),
    ],
)
def test_a_condition_without_an_answer_fails_its_step(world: World, when: str, reason: str) -> None:
    world.define(steps=[step("a"), step("b", "a", when=when), step("c", "b"), step("tidy", "c", when="failure")])
    run = start(world).run
    world.work(result={"n": 4})
    world.record()

    assert task_states(world, run) == {"a": "succeeded", "b": "failed", "c": "skipped", "tidy": "queued"}
    failed = world.detail(run).tasks[1]
    assert failed.error is not None
    assert failed.error.type == "ExpressionFailed"
    assert failed.error.message.startswith(reason)
    world.work()
    world.record()
    record = world.detail(run).run
    assert (record.state, record.reason, record.error) == (RunState.FAILED, "the step b failed", failed.error)


def test_a_condition_without_needs_decides_at_admission(world: World) -> None:
    world.define(
        params={"full": {"type": "boolean", "default": False}},
        steps=[step("full", when="params.full"), step("quick", when="!params.full"), step("always")],
    )

    quick, full = start(world, "1"), start(world, "2", full=True)

    assert task_states(world, quick.run) == {"full": "skipped", "quick": "queued", "always": "queued"}
    assert task_states(world, full.run) == {"full": "queued", "quick": "skipped", "always": "queued"}
    assert sorted(message.step for message in world.work()) == ["always", "always", "full", "quick"]


def test_a_condition_without_needs_waits_with_its_run_for_a_slot(world: World) -> None:
    world.define(overlap="buffer_one", steps=[step("a", when="run.cause == 'person'"), step("b", when="false")])
    first, second = start(world, "1").run, start(world, "2").run
    assert task_states(world, second) == {"a": "waiting", "b": "waiting"}

    world.work()
    world.record()
    world.duties.waiting.step()

    assert world.detail(first).run.state is RunState.SUCCEEDED
    assert task_states(world, second) == {"a": "queued", "b": "skipped"}
    assert world.detail(second).run.state is RunState.QUEUED


def test_a_run_of_which_nothing_is_to_be_done_ends_at_once(world: World) -> None:
    world.define(overlap="skip", steps=[step("a", when="run.cause == 'tick'"), step("b", "a")])

    admitted = start(world)

    record = world.detail(admitted.run).run
    assert (admitted.state, record.state, record.slot_key) == (RunState.SUCCEEDED, RunState.SUCCEEDED, None)
    assert task_states(world, admitted.run) == {"a": "skipped", "b": "skipped"}


def test_a_condition_on_the_event_that_started_the_run(world: World) -> None:
    world.define(triggers=[{"event": "ping"}], steps=[step("a", when="event.data.n > 1 && size(events) == 1")])
    world.bus.events.publish([Event(id=str(n), source="test", type="ping", data={"n": n}) for n in (1, 2)])
    world.duties.events.step()

    assert sorted(task_states(world, run.id)["a"] for run in world.runs()) == ["queued", "skipped"]


def test_a_condition_is_decided_when_a_paused_run_goes_on(world: World) -> None:
    world.define(steps=[step("a"), step("b", "a", when="steps.a.result.go")])
    run = start(world).run
    world.work(result={"go": True})
    control.pause(world.store, world.bus, [run])
    world.record()
    assert task_states(world, run) == {"a": "succeeded", "b": "waiting"}

    control.resume(world.store, world.bus, [run], now=world.clock.now_ms(), actors=REGISTRY)

    assert [message.step for message in world.work()] == ["b"]


def test_results_are_passed_on_whole_nested_and_large(world: World) -> None:
    steps = [
        step("a"),
        step("b", "a", seconds={"deep": "${steps.a.result.rows[1].name}", "text": "got ${steps.a.result.rows}"}),
        step("c", "a", seconds="${steps.a.result}"),
    ]
    world.define(steps=steps)
    start(world)
    result = {"rows": [{"name": "x"}, {"name": "ü" * 20_000}]}
    world.work(result=result)
    world.record()

    found = {message.step: message.params["seconds"] for message in world.work()}

    assert found["b"]["deep"] == "ü" * 20_000
    assert found["b"]["text"].startswith('got [{"name":"x"}')
    assert found["c"] == result


def test_parameters_that_are_too_large_fail_the_step(world: World) -> None:
    world.define(steps=[step("a"), step("b", "a", seconds=["${steps.a.result}"] * 10)])
    run = start(world).run
    world.work(result="x" * 60_000)
    world.record()

    (_, failed) = world.detail(run).tasks
    assert failed.error is not None
    assert failed.error.message.startswith("the filled-in parameters: takes 6")
    assert world.detail(run).run.state is RunState.FAILED
