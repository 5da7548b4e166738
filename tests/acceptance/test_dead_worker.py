"""What happens when workers die."""

from __future__ import annotations

import os
import signal

import pytest

from tests.acceptance.cluster import elapsed_until
from tests.waiting import wait_until

#: Beyond its lease a worker's death may cost this much: another one has to look, and to begin.
BEYOND_LEASE_SECONDS = 5.0


@pytest.mark.parametrize("lease", [15.0, 2.0])
def test_tasks_of_a_dead_machine_start_elsewhere_within_the_lease(make_cluster, lease):
    cluster = make_cluster(lease_seconds=lease)
    cluster.define(name="slow", steps=[{"id": "only", "actor": "wait"}])
    cluster.start("scheduler", "s1")
    cluster.start("worker", "w1")
    cluster.admit("slow", 1)
    wait_until(lambda: len(cluster.lines("start")) == 1, timeout=60)
    cluster.start("worker", "w2")
    wait_until(lambda: len(cluster.bus.census.workers()) == 2, timeout=60)

    # The whole machine is gone: supervisor and child at the same moment, nobody gives anything back.
    holder = int(cluster.lines("start")[0][3])
    cluster.send_signal("w1", signal.SIGSTOP)
    os.kill(holder, signal.SIGKILL)
    cluster.kill("w1")

    bound = lease + BEYOND_LEASE_SECONDS
    assert elapsed_until(lambda: len(cluster.lines("start")) == 2, timeout=bound) <= bound


def test_a_dead_child_is_replaced_alone_and_its_task_starts_again_at_once(make_cluster):
    cluster = make_cluster(lease_seconds=120.0)
    cluster.define(name="slow", steps=[{"id": "only", "actor": "hold"}])
    cluster.start("scheduler", "s1")
    cluster.start("worker", "w1")
    [run] = cluster.admit("slow", 1)
    wait_until(lambda: len(cluster.lines("start")) == 1, timeout=60)
    pid = int(cluster.lines("start")[0][3])

    os.kill(pid, signal.SIGKILL)

    # Far less than the lease: the supervisor knows that its child is dead and gives its leases back.
    wait_until(lambda: len(cluster.lines("start")) == 2, timeout=60)
    cluster.open_gate()
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
    cluster.define(name="long", steps=[{"id": "only", "actor": "hold"}])
    cluster.start("scheduler", "s1")
    cluster.start("worker", "w1")
    [run] = cluster.admit("long", 1)
    wait_until(lambda: len(cluster.lines("start")) == 1, timeout=60)
    cluster.start("worker", "w2")

    cluster.send_signal("w1", signal.SIGTERM)

    wait_until(lambda: len(cluster.lines("start")) == 2, timeout=60)
    assert int(cluster.lines("start")[1][5]) > 0, "it continues where it was"
    cluster.open_gate()
    cluster.wait_for_end([run], timeout=30)
    wait_until(lambda: cluster.processes["w1"].poll() is not None, timeout=30)
    assert cluster.processes["w1"].returncode == 0
    assert [line[2] for line in cluster.lines("start")] == ["1", "1"], "handing back uses up no attempt"
