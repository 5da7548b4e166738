"""Two thousand runs go through while everything is killed, one thing after the other, at random moments."""

from __future__ import annotations

import random
import threading
import time

from rota.errors import BusUnavailable, StoreUnavailable
from store.queries import runs
from tests.integration.bus.conftest import left_over
from tests.waiting import wait_until

ADMITTED = 2000
BATCH = 20
TICKING = [f"ticking-{n}" for n in range(10)]


def test_every_run_succeeds_once_and_nothing_is_left_when_everything_is_killed(cluster):
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")
    dice = random.Random(seed)
    cluster.define(name="work", steps=[{"id": "only", "actor": "ledger", "with": {"ms": 20}}])
    for name in TICKING:
        cluster.define(
            name=name,
            triggers=[{"every": "PT1S"}],
            catch_up={"policy": "all"},
            steps=[{"id": "only", "actor": "ledger"}],
        )
    for name in ("s1", "s2"):
        cluster.start("scheduler", name)
    for name in ("w1", "w2"):
        cluster.start("worker", name)
    cluster.wait_for_leader(timeout=30)
    wait_until(lambda: cluster.lines("end"), timeout=30)

    ids: list[str] = []
    over = threading.Event()
    admitting = threading.Thread(target=keep_admitting, args=(cluster, ids, over), daemon=True)
    admitting.start()
    kinds = [kill_child, kill_supervisor, kill_leader, kill_standby, kill_redis]
    dice.shuffle(kinds)
    for fault in [*kinds, *dice.sample(kinds, 3)]:
        time.sleep(dice.uniform(0.5, 2.5))
        fault(cluster)
    over.set()
    admitting.join(120)
    assert len(ids) >= ADMITTED

    cluster.wait_for_end(ids, timeout=120)
    for name in TICKING:
        switch_off(cluster, name)
    wait_until(lambda: open_runs(cluster) == 0, timeout=60)
    wait_until(lambda: left_over(cluster.bus) == {}, timeout=30, what="nothing left in Redis")

    assert succeeded_attempts(cluster, ids) == [1] * len(ids)
    total = len(ids)
    for name in TICKING:
        dues = dues_of(cluster, name)
        assert dues == list(range(dues[0], dues[-1] + 1, 1000)), f"{name}: a tick is missing or doubled"
        total += len(dues)
    assert total > ADMITTED
    assert cluster.bus.dead.count() == 0


def keep_admitting(cluster, ids, over):
    """Admit until the last fault is over, so that each one hits work under way."""
    while len(ids) < ADMITTED or not over.is_set():
        try:
            ids += cluster.admit("work", BATCH)
        except (StoreUnavailable, BusUnavailable):
            time.sleep(0.1)
        time.sleep(0.1 if len(ids) < ADMITTED else 0.3)


def kill_child(cluster):
    wait_until(lambda: cluster.kill_child("w1") or cluster.kill_child("w2"), timeout=20)


def kill_supervisor(cluster):
    cluster.kill("w2")
    cluster.start("worker", "w2")


def kill_leader(cluster):
    restart(cluster, leading=True)


def kill_standby(cluster):
    restart(cluster, leading=False)


def restart(cluster, *, leading):
    leaders = []

    def known():
        # The lease of one that was just killed stands for a moment.
        leaders[:] = [cluster.leading()]
        return leaders[0]

    wait_until(known, timeout=30)
    name = next(name for name in ("s1", "s2") if (name == leaders[0]) == leading)
    cluster.kill(name)
    cluster.start("scheduler", name)


def kill_redis(cluster):
    cluster.kill_redis()


def switch_off(cluster, name):
    from store.queries import jobs

    with cluster.store.writing() as conn:
        jobs.set_enabled(conn, [name], False, at=cluster.clock.now_ms())


def succeeded_attempts(cluster, ids):
    """How many attempts of each run have succeeded."""
    with cluster.store.reading() as conn:
        details = [runs.run_detail(conn, run) for run in ids]
    return [sum(str(a.state) == "succeeded" for task in each.tasks for a in task.attempts) for each in details]


def open_runs(cluster):
    with cluster.store.reading() as conn:
        return sum(runs.count_open(conn).values())


def dues_of(cluster, name):
    with cluster.store.reading() as conn:
        page = runs.list_runs(conn, job=name, limit=500)
    # The tick that was due in the moment in which its job was switched off is a recorded skip.
    odd = [(run.state, run.reason) for run in page.items if run.state != "succeeded"]
    assert all(state == "skipped" and "disabled" in reason for state, reason in odd), odd
    return sorted(run.cause.due for run in page.items)
