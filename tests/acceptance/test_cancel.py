"""Cancel reaches every actor, and the run says so."""

from __future__ import annotations

import time

import pytest

from tests.waiting import wait_until


@pytest.mark.parametrize(("actor", "bound"), [("loop", 1.0), ("spin", 1.0), ("stuck", 3.0)])
def test_cancel_reaches_a_running_actor(cluster, actor, bound):
    from scheduler.control import cancel

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
    from scheduler.control import cancel

    cluster.define(name="waits", steps=[{"id": "only", "actor": "ledger"}])
    cluster.start("scheduler", "s1")
    cluster.wait_for_leader()
    [run] = cluster.admit("waits", 1)

    cancel(cluster.store, cluster.bus, [run], now=cluster.clock.now_ms(), reason="a test")

    wait_until(lambda: cluster.states([run]) == {"cancelled": 1})
    assert cluster.lines("start") == []
