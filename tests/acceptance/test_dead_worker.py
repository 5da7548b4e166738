"""What happens when workers die."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.acceptance.cluster import elapsed_until
from tests.waiting import wait_until


@pytest.mark.parametrize(("lease", "bound"), [(15.0, 20.0), (2.0, 4.0)])
def test_tasks_of_a_dead_machine_start_elsewhere_within_the_lease(make_cluster, lease, bound):
    cluster = make_cluster(lease_seconds=lease)
    cluster.define(name="slow", steps=[{"id": "only", "actor": "ledger", "with": {"ms": 60_000}}])
    cluster.start("scheduler", "s1")
    cluster.start("worker", "w1")
    [run] = cluster.admit("slow", 1)
    wait_until(lambda: len(cluster.lines("start")) == 1, timeout=30)
    cluster.start("worker", "w2")
    wait_until(lambda: len(cluster.bus.census.workers()) == 2, timeout=30)
    holder = next(worker for worker in cluster.bus.census.workers() if worker.held)

    # The whole machine is gone: supervisor and child at the same moment, nobody gives anything back.
    victim = next(name for name in ("w1", "w2") if cluster.child_of(name) == holder.about["pid"])
    cluster.send_signal(victim, signal.SIGSTOP)
    os.kill(holder.about["pid"], signal.SIGKILL)
    cluster.kill(victim)

    assert elapsed_until(lambda: len(cluster.lines("start")) == 2, timeout=bound) <= bound
    cluster.bus.control.request("cancel", [cluster.lines("start")[0][1]])


def test_a_dead_child_is_replaced_alone_and_its_task_starts_again_at_once(make_cluster):
    cluster = make_cluster(lease_seconds=15.0)
    cluster.define(name="slow", steps=[{"id": "only", "actor": "hold", "with": {"ms": 1500}}])
    cluster.start("scheduler", "s1")
    cluster.start("worker", "w1")
    [run] = cluster.admit("slow", 1)
    wait_until(lambda: len(cluster.lines("start")) == 1, timeout=30)
    pid = int(cluster.lines("start")[0][3])

    os.kill(pid, signal.SIGKILL)

    # Far less than the lease: the supervisor knows that its child is dead and gives its leases back.
    assert elapsed_until(lambda: len(cluster.lines("start")) == 2, timeout=10) < 10
    cluster.wait_for_end([run], timeout=30)
    assert cluster.processes["w1"].poll() is None


def test_a_task_that_kills_its_worker_each_time_is_set_aside_and_its_neighbours_run(cluster):
    cluster.define(name="killer", steps=[{"id": "only", "actor": "killer"}])
    cluster.define(name="good", steps=[{"id": "only", "actor": "ledger", "with": {"ms": 5}}])
    cluster.start("scheduler", "s1")
    cluster.start("worker", "w1")
    before = cluster.admit("good", 20)
    [bad] = cluster.admit("killer", 1)
    after = cluster.admit("good", 20)

    cluster.wait_for_end([*before, *after], timeout=60)
    cluster.wait_for_end([bad], timeout=60, state="failed")

    [letter] = cluster.bus.dead.list()
    assert "died 3 times" in letter.reason
    killers = [line for line in cluster.lines("start") if line[1] == letter.id]
    assert len(killers) == 3


def test_a_stopped_worker_hands_its_task_back_with_its_checkpoint(cluster):
    cluster.define(name="long", steps=[{"id": "only", "actor": "hold", "with": {"ms": 3000}}])
    cluster.start("scheduler", "s1")
    cluster.start("worker", "w1")
    [run] = cluster.admit("long", 1)
    wait_until(lambda: len(cluster.lines("start")) == 1, timeout=30)
    time.sleep(0.5)  # lets it count a little; how far doesn't matter
    cluster.start("worker", "w2")

    cluster.send_signal("w1", signal.SIGTERM)

    wait_until(lambda: len(cluster.lines("start")) == 2, timeout=10)
    assert int(cluster.lines("start")[1][5]) > 0, "it continues where it was"
    cluster.wait_for_end([run], timeout=30)
    wait_until(lambda: cluster.processes["w1"].poll() is not None)
    assert cluster.processes["w1"].returncode == 0
    assert [line[2] for line in cluster.lines("start")] == ["1", "1"], "handing back uses up no attempt"
