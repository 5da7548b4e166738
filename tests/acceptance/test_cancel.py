"""Cancel reaches every actor, and the run says so."""

from __future__ import annotations

import pytest

from store.queries import runs
from tests.waiting import wait_until


@pytest.mark.parametrize(("actor", "bound"), [("loop", 1.0), ("spin", 1.0), ("stuck", 3.0)])
def test_cancel_reaches_a_running_actor(cluster, actor, bound):
    from scheduler.runs.control import cancel

    cluster.define(name="endless", steps=[{"id": "only", "actor": actor}])
    cluster.start("scheduler", "s1")
    cluster.start("worker", "w1")
    [run] = cluster.admit("endless", 1)
    wait_until(lambda: cluster.lines("start"), timeout=60)
    wait_until(lambda: cluster.states([run]) == {"running": 1}, timeout=30)

    asked = cluster.clock.now_ms()
    cancel(cluster.store, cluster.bus, [run], now=asked, reason="a test")

    cluster.wait_for_end([run], timeout=30, state="cancelled")
    with cluster.store.reading() as conn:
        [attempt] = runs.run_detail(conn, run).tasks[0].attempts
    # When the worker says that it was over; nothing that comes later counts.
    assert attempt.ended_at - asked < (bound + 0.5) * 1000


def test_cancelling_a_run_that_waits_ends_it_without_a_worker(cluster):
    from scheduler.runs.control import cancel

    cluster.define(name="waits", steps=[{"id": "only", "actor": "ledger"}])
    cluster.start("scheduler", "s1")
    cluster.wait_for_leader()
    [run] = cluster.admit("waits", 1)

    cancel(cluster.store, cluster.bus, [run], now=cluster.clock.now_ms(), reason="a test")

    cluster.wait_for_end([run], timeout=30, state="cancelled")
    assert cluster.lines("start") == []


def test_a_run_that_was_resumed_before_its_pause_was_recorded_goes_on(cluster):
    from scheduler.runs.control import pause, resume

    cluster.define(name="brief", steps=[{"id": "only", "actor": "ledger"}])
    [run] = cluster.admit("brief", 1)
    pause(cluster.store, cluster.bus, [run])
    resume(cluster.store, cluster.bus, [run], now=cluster.clock.now_ms(), actors=cluster.registry)

    cluster.start("scheduler", "s1")
    cluster.start("worker", "w1")

    cluster.wait_for_end([run], timeout=30)
    assert len(cluster.lines("start")) == 1


def test_a_run_that_was_cancelled_before_its_pause_was_recorded_ends(cluster):
    from scheduler.runs.control import cancel, pause

    cluster.define(name="brief", steps=[{"id": "only", "actor": "ledger"}])
    [run] = cluster.admit("brief", 1)
    pause(cluster.store, cluster.bus, [run])
    cancel(cluster.store, cluster.bus, [run], now=cluster.clock.now_ms(), reason="a test")

    cluster.start("scheduler", "s1")

    cluster.wait_for_end([run], timeout=30, state="cancelled")
    assert cluster.lines("start") == []
