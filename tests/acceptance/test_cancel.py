"""Cancel reaches every actor, and the run says so."""

from __future__ import annotations

import time

import pytest

from tests.waiting import wait_until


@pytest.mark.parametrize(("actor", "bound"), [("loop", 1.0), ("spin", 1.0), ("stuck", 3.0)])
def test_cancel_reaches_a_running_actor(cluster, actor, bound):
    from scheduler.runs.control import cancel

    cluster.define(name="endless", steps=[{"id": "only", "actor": actor}])
    cluster.start("scheduler", "s1")
    cluster.start("worker", "w1")
    [run] = cluster.admit("endless", 1)
    wait_until(lambda: cluster.lines("start"), timeout=30)
    wait_until(lambda: cluster.states([run]) == {"running": 1})

    begin = time.monotonic()
    cancel(cluster.store, cluster.bus, [run], now=cluster.clock.now_ms(), reason="a test")

    wait_until(lambda: cluster.states([run]) == {"cancelled": 1}, timeout=10)
    assert time.monotonic() - begin < bound + 0.5, "the state follows within half a second of the stop"


def test_cancelling_a_run_that_waits_ends_it_without_a_worker(cluster):
    from scheduler.runs.control import cancel

    cluster.define(name="waits", steps=[{"id": "only", "actor": "ledger"}])
    cluster.start("scheduler", "s1")
    cluster.wait_for_leader()
    [run] = cluster.admit("waits", 1)

    cancel(cluster.store, cluster.bus, [run], now=cluster.clock.now_ms(), reason="a test")

    wait_until(lambda: cluster.states([run]) == {"cancelled": 1})
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
