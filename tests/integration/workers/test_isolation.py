"""Bodies in processes of their own."""

from __future__ import annotations

import os
import signal

import psutil
import pytest

from rota.clock import SystemClock
from rota.messages import RetryPolicy
from tests.integration.workers.conftest import make_task
from tests.processes import is_running
from tests.waiting import wait_until

ONCE_AT_ONCE = RetryPolicy(max=1, backoff_ms=10, jitter=0.0)


def test_an_isolated_body_reports_as_any_other(bus, hearing, start_worker):
    worker = start_worker()
    worker.wait_ready()
    task = make_task("test.isolated", "isolated", params={"steps": 3, "seconds": 0.1})

    bus.sender.send([task])
    end = hearing.end(task, "succeeded")

    assert end.result == {"steps": 3, "started_from": 0}
    assert hearing.progress(task) == 3
    lines = [line.message for outcome in hearing.of(task) for line in outcome.lines]
    assert lines == ["step 1", "step 2", "step 3"]
    [(_, event, _)] = bus.events.read(block_ms=10)
    assert event.data["pid"] not in {worker.process.pid, *worker.children().values()}


def test_an_isolated_body_starts_quickly(bus, hearing, start_worker):
    start_worker().wait_ready()
    took = []
    for _ in range(2):
        task = make_task("test.isolated", "isolated", params={"steps": 0})
        bus.sender.send([task])
        end = hearing.end(task, "succeeded")
        took.append(end.at - end.started_at)

    # The first one waits for the start of a Python, on this machine as busy as it is now; nobody else does.
    assert took[1] < max(took[0] / 2, 300)


def test_cancel_ends_a_body_stuck_in_c_code(bus, hearing, start_worker, tmp_path):
    start_worker().wait_ready()
    trace = tmp_path / "trace"
    task = make_task("test.stuck", "isolated", params={"trace": str(trace)})
    bus.sender.send([task])
    wait_until(lambda: trace.exists() and trace.read_text().strip(), timeout=60)

    asked = SystemClock().now_ms()
    bus.control.request("cancel", [task.task])
    end = hearing.end(task, "cancelled")

    assert end.at - asked < 3_000
    assert not psutil.pid_exists(int(trace.read_text()))
    assert hearing.states(task) == ["cancelled"]


@pytest.mark.parametrize(
    ("actor", "message"),
    [
        ("test.crash", "the process of actor test.crash was killed by SIGSEGV"),
        ("test.exit", "the process of actor test.exit ended with exit code 3 before its body was done"),
    ],
)
def test_a_crash_is_one_failed_attempt(bus, hearing, start_worker, actor, message):
    worker = start_worker()
    worker.wait_ready()
    task = make_task(actor, "isolated", retries=ONCE_AT_ONCE)

    bus.sender.send([task])
    end = hearing.end(task, "failed")

    assert hearing.states(task) == ["retrying", "failed"]
    assert (end.error.type, end.error.message) == ("IsolatedCrash", message)
    assert worker.events("child.ended") == []


def test_a_body_that_takes_too_much_memory_fails_alone(bus, hearing, start_worker):
    start_worker(isolate_max_bytes=100_000_000).wait_ready()
    modest = make_task("test.greedy", "isolated", params={"bytes": 20_000_000})
    greedy = make_task("test.greedy", "isolated", params={"bytes": 400_000_000})

    bus.sender.send([greedy, modest])

    hearing.end(modest, "succeeded")
    error = hearing.end(greedy, "failed").error
    assert error.type == "MemoryError"
    assert error.message == "it needed more than the 100,000,000 bytes of memory that isolate_max_bytes allows"


def test_a_body_out_of_time_is_ended_even_in_c_code(bus, hearing, start_worker):
    start_worker().wait_ready()
    task = make_task("test.stuck", "isolated", timeout_ms=500)

    bus.sender.send([task])
    end = hearing.end(task, "failed")

    assert end.error.type == "TimedOut"
    # It would have slept for a minute; how soon it could begin is another matter.
    assert end.at - end.started_at < 30_000


def test_bodies_die_with_their_worker(bus, hearing, start_worker, tmp_path):
    worker = start_worker()
    worker.wait_ready()
    trace = tmp_path / "trace"
    bus.sender.send([make_task("test.stuck", "isolated", params={"trace": str(trace)})])
    wait_until(lambda: trace.exists() and trace.read_text().strip(), timeout=60)
    [child] = worker.children().values()
    body = psutil.Process(int(trace.read_text()))

    os.kill(child, signal.SIGKILL)

    wait_until(lambda: not is_running(body), timeout=30)


def test_a_nursery_that_dies_is_replaced(bus, hearing, start_worker):
    worker = start_worker()
    worker.wait_ready()
    first, second = (make_task("test.isolated", "isolated", params={"steps": 0}) for _ in range(2))
    bus.sender.send([first])
    hearing.end(first, "succeeded")
    [child] = worker.children().values()
    [nursery] = psutil.Process(child).children()

    nursery.kill()
    wait_until(lambda: not is_running(nursery), timeout=30)
    bus.sender.send([second])

    hearing.end(second, "succeeded")


def test_a_nursery_without_bodies_ends_and_comes_back(bus, hearing, start_worker):
    worker = start_worker(isolate_idle_seconds="0.2")
    worker.wait_ready()
    [child] = worker.children().values()
    assert psutil.Process(child).children() == []

    for _ in range(2):
        task = make_task("test.isolated", "isolated", params={"steps": 0})
        bus.sender.send([task])
        hearing.end(task, "succeeded")
        wait_until(lambda: psutil.Process(child).children() == [], timeout=30, what="the end of the nursery")


def test_a_nursery_stays_while_it_has_bodies(bus, hearing, start_worker):
    worker = start_worker(isolate_idle_seconds="0.2")
    worker.wait_ready()
    long, short = (
        make_task("test.isolated", "isolated", params=of) for of in ({"steps": 8, "seconds": 0.2}, {"steps": 0})
    )
    bus.sender.send([long, short])
    hearing.end(short, "succeeded")

    end = hearing.end(long, "succeeded")

    assert (end.attempt, end.result["steps"]) == (1, 8)
