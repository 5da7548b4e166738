"""One worker process, from a message to its outcome."""

from __future__ import annotations

import time

import pytest
from dramatiq import Message

from bus.broker import LeaseBroker
from rota.messages import RetryPolicy
from store.engine import Store
from store.queries import datasources
from store.records import DatasourceRecord
from tests.integration.workers.conftest import LEASE_SECONDS, make_task
from tests.waiting import wait_until

ONCE_AT_ONCE = RetryPolicy(max=1, backoff_ms=10, jitter=0.0)


def test_a_short_task_costs_one_outcome(bus, hearing, start_worker):
    start_worker().wait_ready()
    tasks = [make_task("test.nothing") for _ in range(50)]

    bus.sender.send(tasks)

    for task in tasks:
        hearing.end(task, "succeeded")
    kinds = [outcome.kind for outcome in hearing.outcomes]
    assert kinds.count("finished") == 50
    # A busy machine may make one of them look long.
    assert kinds.count("started") < 10


def test_a_long_task_is_seen_starting_and_going_on(bus, hearing, start_worker):
    start_worker().wait_ready()
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
    assert 1 <= len(reports) <= 4, "at most five a second"


def test_a_failed_attempt_is_repeated_from_its_checkpoint(bus, hearing, start_worker, tmp_path):
    start_worker().wait_ready()
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


def test_an_actor_may_say_when_to_come_back(bus, hearing, start_worker):
    start_worker().wait_ready()
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
def test_what_cannot_work_is_not_repeated(bus, hearing, start_worker, task, message):
    start_worker().wait_ready()

    bus.sender.send([task])
    end = hearing.end(task, "failed")

    assert hearing.states(task) == ["failed"]
    assert end.error.type == "PermanentError"
    assert message in end.error.message


def test_an_unknown_actor_is_set_aside_and_its_neighbours_run(bus, hearing, start_worker):
    start_worker().wait_ready()
    stranger, neighbour = make_task("test.unheard-of"), make_task("test.nothing")

    bus.sender.send([stranger, neighbour])

    hearing.end(neighbour, "succeeded")
    assert hearing.end(stranger, "failed").error.type == "ActorNotFound"
    assert [letter.id for letter in bus.dead.list()] == [stranger.task]


@pytest.mark.parametrize("actor", ["test.deaf", "test.stubborn"])
def test_cancel_reaches_a_body_that_never_looks(bus, hearing, start_worker, actor):
    start_worker().wait_ready()
    task = make_task(actor)
    bus.sender.send([task])
    hearing.start(task)

    asked = time.monotonic()
    assert bus.control.request("cancel", [task.task]) == {task.task: "running"}
    hearing.end(task, "cancelled")

    assert time.monotonic() - asked < 1.0
    assert hearing.states(task) == ["cancelled"]


@pytest.mark.parametrize("actor", ["test.deaf", "test.stubborn"])
def test_a_terminated_task_frees_its_thread_and_is_never_heard_of_again(bus, hearing, start_worker, actor):
    start_worker(threads=1).wait_ready()
    task, neighbour = make_task(actor), make_task("test.nothing")
    bus.sender.send([task])
    hearing.start(task)

    asked = time.monotonic()
    assert bus.control.request("terminate", [task.task]) == {task.task: "running"}
    bus.sender.send([neighbour])
    hearing.end(neighbour, "succeeded")

    assert time.monotonic() - asked < 2.0
    assert hearing.states(task) == []
    assert bus.sender.send([task]) == 0


def test_a_paused_task_leaves_its_checkpoint(bus, hearing, start_worker):
    start_worker().wait_ready()
    task = make_task("test.count", params={"steps": 1000, "seconds": 0.05})
    bus.sender.send([task])
    wait_until(lambda: any(outcome.checkpoint for outcome in hearing.of(task)))

    bus.control.request("pause", [task.task])
    hearing.end(task, "paused")

    known = [outcome.checkpoint for outcome in hearing.of(task) if outcome.checkpoint]
    assert known[-1]["at"] >= 1


def test_an_attempt_that_takes_too_long_fails_and_is_repeated(bus, hearing, start_worker):
    start_worker().wait_ready()
    task = make_task("test.deaf", timeout_ms=300, retries=ONCE_AT_ONCE)

    bus.sender.send([task])
    end = hearing.end(task, "failed")

    assert hearing.states(task) == ["retrying", "failed"]
    assert end.error.type == "TimedOut"
    assert "in deaf" in end.error.traceback, "it says where the time went"


def test_an_event_carries_the_chain_of_its_run(bus, hearing, start_worker):
    start_worker().wait_ready()
    task = make_task("test.emit", chain=("first",))

    bus.sender.send([task])
    hearing.end(task, "succeeded")

    [(_, event, _)] = bus.events.read(block_ms=10)
    assert (event.type, event.subject, event.data) == ("test.happened", "somewhere", {"attempt": 1})
    assert event.chain == ("first", "test-job")


def test_actors_find_datasources_in_the_store(bus, hearing, start_worker, tmp_path):
    store = Store(f"sqlite:///{tmp_path / 'rota.db'}")
    store.upgrade()
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "one.txt").write_text("one")
    with store.writing() as conn:
        record = DatasourceRecord(name="files", kind="local", root=str(tmp_path / "files"), created_at=0, updated_at=0)
        datasources.save(conn, record, at=0)
    store.close()
    start_worker().wait_ready()
    sync, places = make_task("sync", "sync", params={"datasource": "files"}), make_task("test.places", "isolated")

    bus.sender.send([sync, places])

    assert hearing.end(sync, "succeeded").result["created"] == 1
    assert hearing.end(places, "succeeded").result["steps"] == 1


def test_a_message_that_carries_no_task_is_set_aside(bus, hearing, start_worker):
    start_worker().wait_ready()
    stranger = Message(queue_name="test", actor_name="test.nothing", args=(), kwargs={}, options={})
    neighbour = make_task("test.nothing")

    LeaseBroker(bus, middleware=[]).enqueue(stranger)
    bus.sender.send([neighbour])

    hearing.end(neighbour, "succeeded")
    wait_until(lambda: [letter.id for letter in bus.dead.list()] == [stranger.message_id])
    assert "carries no task" in bus.dead.list()[0].reason


def test_a_lease_that_is_gone_ends_the_body_and_nothing_is_reported(bus, hearing, start_worker, tmp_path):
    start_worker().wait_ready()
    task = make_task("test.count", params={"steps": 1000, "seconds": 0.05})
    bus.sender.send([task])
    begun = hearing.start(task)

    bus.client.flushall()
    bus.sender.send([task])

    wait_until(lambda: any(outcome.fence > begun.fence for outcome in hearing.of(task)))
    assert all(outcome.kind != "finished" for outcome in hearing.of(task) if outcome.fence == begun.fence)


def test_a_worker_cut_off_from_redis_ends_its_bodies_when_their_lease_is_over(bus, hearing, start_worker, tmp_path):
    start_worker().wait_ready()
    trace = tmp_path / "trace"
    bus.sender.send([make_task("test.deaf", params={"trace": str(trace)})])
    wait_until(lambda: trace.exists() and "started" in trace.read_text())

    bus.client.client_pause(int(LEASE_SECONDS * 2000))
    cut_off = time.monotonic()
    wait_until(lambda: "ended" in trace.read_text(), timeout=LEASE_SECONDS * 2)

    assert time.monotonic() - cut_off < LEASE_SECONDS + 1
    bus.client.client_unpause()
