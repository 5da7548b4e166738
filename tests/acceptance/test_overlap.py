"""Runs that take the place of others, with real workers that go on until they are stopped."""

from __future__ import annotations

from tests.waiting import wait_until


def test_a_terminated_run_publishes_nothing_more(cluster):
    cluster.define(name="newest", overlap="terminate_other", steps=[{"id": "only", "actor": "stubborn"}])
    cluster.start("scheduler", "s1")
    cluster.start("worker", "w1")
    [one] = cluster.admit("newest", 1)
    wait_until(lambda: len(cluster.lines("start")) == 1, timeout=30)

    [two] = cluster.admit("newest", 1)
    assert cluster.states([one]) == {"cancelled": 1}
    wait_until(lambda: len(cluster.lines("start")) == 2, timeout=30, what="the other starts while the first goes on")
    cluster.open_gate()
    cluster.wait_for_end([two], timeout=30)
    wait_until(lambda: cluster.lines("refused"), timeout=30)

    (first, second) = [line[1] for line in cluster.lines("start")]
    assert [path.stem for path in cluster.folder.glob("*.published")] == [second]
    assert [line[1] for line in cluster.lines("refused")] == [first]
    assert cluster.states([one]) == {"cancelled": 1}


def test_the_next_run_starts_as_soon_as_the_cancelled_one_has_stopped(cluster):
    cluster.define(name="newest", overlap="cancel_other", steps=[{"id": "only", "actor": "loop"}])
    cluster.start("scheduler", "s1")
    cluster.start("worker", "w1")
    [one] = cluster.admit("newest", 1)
    wait_until(lambda: len(cluster.lines("start")) == 1, timeout=30)

    [two] = cluster.admit("newest", 1)

    wait_until(lambda: len(cluster.lines("start")) == 2, timeout=30)
    assert len(cluster.lines("stopped")) == 1
    assert cluster.states([one]) == {"cancelled": 1}
    wait_until(lambda: cluster.states([two]) == {"running": 1}, timeout=30)
