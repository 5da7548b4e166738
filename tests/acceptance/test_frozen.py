"""Processes that freeze for longer than their lease, and wake up believing that nothing happened."""

from __future__ import annotations

import os
import signal
import time

from store.queries import runs
from tests.acceptance.cluster import elapsed_until
from tests.waiting import crowding, wait_until

#: Five seconds in all are promised; what is beyond the lease is work, and is given longer on a crowded machine.
LEADER_LEASE_SECONDS = 3.0
FROZEN_SECONDS = 3 * LEADER_LEASE_SECONDS


def grid_of(cluster, job):
    """Due times of all runs of a job, sorted."""
    with cluster.store.reading() as conn:
        page = runs.list_runs(conn, job=job, limit=500)
    return sorted(run.cause.due for run in page.items)


def test_a_frozen_leader_emits_nothing_stale_and_a_new_one_leads_within_five_seconds(cluster):
    cluster.define(name="ticking", triggers=[{"every": "PT1S"}], steps=[{"id": "only", "actor": "ledger"}])
    cluster.start("worker", "w1")
    cluster.start("scheduler", "s1")
    first = cluster.wait_for_leader()
    cluster.start("scheduler", "s2")
    wait_until(lambda: '"event": "scheduler.started"' in cluster.log_tail("s2"), timeout=60, what="a standby")
    wait_until(lambda: len(grid_of(cluster, "ticking")) >= 2, timeout=60)
    bound = LEADER_LEASE_SECONDS + 2 * crowding()

    cluster.send_signal("s1", signal.SIGSTOP)
    frozen = time.monotonic()
    assert elapsed_until(lambda: cluster.leader() not in {None, first}, timeout=60) < bound
    time.sleep(max(0.0, frozen + FROZEN_SECONDS - time.monotonic()))
    cluster.send_signal("s1", signal.SIGCONT)
    count = len(grid_of(cluster, "ticking"))
    wait_until(lambda: len(grid_of(cluster, "ticking")) >= count + 3, timeout=60)

    assert cluster.leader() != first
    dues = grid_of(cluster, "ticking")
    assert dues == list(range(dues[0], dues[-1] + 1, 1000)), "every tick has one run"


def test_a_frozen_workers_late_outcome_is_refused_and_counted(cluster):
    cluster.define(name="brief", steps=[{"id": "only", "actor": "wait"}])
    cluster.start("scheduler", "s1")
    cluster.start("worker", "w1")
    [run] = cluster.admit("brief", 1)
    wait_until(lambda: len(cluster.lines("start")) == 1, timeout=30)
    pid = int(cluster.lines("start")[0][3])

    os.kill(pid, signal.SIGSTOP)
    cluster.start("worker", "w2")
    wait_until(lambda: len(cluster.lines("start")) == 2, timeout=60)
    cluster.open_gate()
    cluster.wait_for_end([run], timeout=30)
    os.kill(pid, signal.SIGCONT)

    wait_until(lambda: cluster.bus.census.figures().counters.get("outcomes_refused", 0) >= 1, timeout=30)
    assert cluster.states([run]) == {"succeeded": 1}
    with cluster.store.reading() as conn:
        detail = runs.run_detail(conn, run)
    assert [attempt.state for task in detail.tasks for attempt in task.attempts].count("succeeded") == 1
