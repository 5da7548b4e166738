"""One worker process, from a message to its outcome. One serves all tests of this module, which only send it tasks."""

from __future__ import annotations

import pytest
from dramatiq import Message

from bus.broker import LeaseBroker
from bus.connection import Bus
from rota.clock import SystemClock
from rota.messages import RetryPolicy
from tests.integration.workers.conftest import Hearing, Standing, make_task
from tests.waiting import wait_until
from workers.middleware.attempts import ANNOUNCED_AFTER_SECONDS

ONCE_AT_ONCE = RetryPolicy(max=1, backoff_ms=10, jitter=0.0)


@pytest.fixture
def bus(standing: Standing) -> Bus:
    return standing.bus


@pytest.fixture
def hearing(standing: Standing) -> Hearing:
    return standing.hearing


def test_a_short_task_costs_one_outcome(bus, hearing):
    tasks = [make_task("test.nothing") for _ in range(50)]

    bus.sender.send(tasks)

    ends = [hearing.end(task, "succeeded") for task in tasks]
    told = [outcome for task in tasks for outcome in hearing.of(task)]
    assert [outcome.kind for outcome in told].count("finished") == 50
    # A busy machine may make one of them long; the clocks differ by a few milliseconds.
    long = {end.task for end in ends if end.at - end.started_at >= ANNOUNCED_AFTER_SECONDS * 1000 - 5}
    assert {outcome.task for outcome in told if outcome.kind != "finished"} <= long


def test_a_long_task_is_seen_starting_and_going_on(bus, hearing):
    task = make_task("test.count", params={"steps": 5, "seconds": 0.1})

    bus.sender.send([task])
    end = hearing.end(task, "succeeded")

    outcomes = hearing.of(task)
    assert outcomes[0].kind == "started"
    assert end.result == {"steps": 5, "started_from": 0}
    assert end.started_at == outcomes[0].started_at
    assert hearing.progress(task) == 5, "the last progress is always told"
    lines = [line for outcome in outcomes for line in outcome.lines]
    assert [(line.n, line.message) for line in lines] == [(n, f"step {n}") for n in range(1, 6)]
    reports = [outcome for outcome in outcomes if outcome.kind in ("progress", "checkpoint", "log")]
    assert 1 <= len(reports) <= 2 + (end.at - end.started_at) / 200, "at most five a second"


def test_a_failed_attempt_is_repeated_from_its_checkpoint(bus, hearing, tmp_path):
    trace = tmp_path / "trace"
    task = make_task("test.count", params={"trace": str(trace), "fail_until": 1}, retries=ONCE_AT_ONCE)

    bus.sender.send([task])
    end = hearing.end(task, "succeeded")

    assert hearing.states(task) == ["retrying", "succeeded"]
    failed = next(outcome for outcome in hearing.of(task) if outcome.state == "retrying")
    assert (failed.error.type, failed.error.message) == ("ValueError", "attempt 1 fails")
    assert "workers" not in failed.error.traceback
    assert failed.retry_at == failed.at + 10
    assert (end.attempt, end.result["started_from"]) == (2, 1)


def test_an_actor_may_say_when_to_come_back(bus, hearing):
    task = make_task("test.later", retries=RetryPolicy(max=1, backoff_ms=3_600_000))

    bus.sender.send([task])
    hearing.end(task, "failed")

    assert hearing.states(task) == ["retrying", "failed"]


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (make_task("test.never", retries=ONCE_AT_ONCE), "it is wrong"),
        (
            make_task("test.count", params={"steps": "many", "stpes": 3}, retries=ONCE_AT_ONCE),
            "steps: Input should be a valid integer",
        ),
    ],
)
def test_what_cannot_work_is_not_repeated(bus, hearing, task, message):
    bus.sender.send([task])
    end = hearing.end(task, "failed")

    assert hearing.states(task) == ["failed"]
    assert end.error.type == "PermanentError"
    assert message in end.error.message


def test_an_unknown_actor_is_set_aside_and_its_neighbours_run(bus, hearing):
    stranger, neighbour = make_task("test.unheard-of"), make_task("test.nothing")

    bus.sender.send([stranger, neighbour])

    hearing.end(neighbour, "succeeded")
    assert hearing.end(stranger, "failed").error.type == "ActorNotFound"
    assert stranger.task in {letter.id for letter in bus.dead.list()}
    assert neighbour.task not in {letter.id for letter in bus.dead.list()}


@pytest.mark.parametrize("actor", ["test.deaf", "test.stubborn"])
def test_cancel_reaches_a_body_that_never_looks(bus, hearing, actor):
    task = make_task(actor)
    bus.sender.send([task])
    hearing.start(task)

    asked = SystemClock().now_ms()
    assert bus.control.request("cancel", [task.task]) == {task.task: "running"}
    end = hearing.end(task, "cancelled")

    assert end.at - asked < 1_000
    assert hearing.states(task) == ["cancelled"]


def test_a_paused_task_leaves_its_checkpoint(bus, hearing):
    task = make_task("test.count", params={"steps": 1000, "seconds": 0.05})
    bus.sender.send([task])
    wait_until(lambda: any(outcome.checkpoint for outcome in hearing.of(task)), timeout=60)

    bus.control.request("pause", [task.task])
    hearing.end(task, "paused")

    known = [outcome.checkpoint for outcome in hearing.of(task) if outcome.checkpoint]
    assert known[-1]["at"] >= 1


def test_an_attempt_that_takes_too_long_fails_and_is_repeated(bus, hearing):
    task = make_task("test.deaf", timeout_ms=300, retries=ONCE_AT_ONCE)

    bus.sender.send([task])
    end = hearing.end(task, "failed")

    assert hearing.states(task) == ["retrying", "failed"]
    assert end.error.type == "TimedOut"
    assert "in deaf" in end.error.traceback, "it says where the time went"


def test_an_event_carries_the_chain_of_its_run(bus, hearing):
    task = make_task("test.emit", chain=("first",))

    bus.sender.send([task])
    hearing.end(task, "succeeded")

    [(_, event, _)] = bus.events.read(block_ms=10)
    assert (event.type, event.subject, event.data) == ("test.happened", "somewhere", {"attempt": 1})
    assert event.chain == ("first", "test-job")


def test_a_message_that_carries_no_task_is_set_aside(bus, hearing):
    stranger = Message(queue_name="test", actor_name="test.nothing", args=(), kwargs={}, options={})
    neighbour = make_task("test.nothing")

    LeaseBroker(bus, middleware=[]).enqueue(stranger)
    bus.sender.send([neighbour])

    hearing.end(neighbour, "succeeded")
    wait_until(lambda: stranger.message_id in {letter.id for letter in bus.dead.list()}, timeout=60)
    [reason] = [letter.reason for letter in bus.dead.list() if letter.id == stranger.message_id]
    assert "carries no task" in reason
