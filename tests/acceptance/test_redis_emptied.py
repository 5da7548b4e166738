"""Redis loses everything; the store does not."""

from __future__ import annotations

from store.queries import runs
from tests.waiting import wait_until


def test_all_runs_end_after_redis_was_emptied_and_repeated_attempts_are_counted(cluster):
    cluster.define(name="work", steps=[{"id": "only", "actor": "wait"}])
    cluster.define(name="ticking", triggers=[{"every": "PT1S"}], steps=[{"id": "only", "actor": "ledger"}])
    cluster.start("scheduler", "s1")
    cluster.start("worker", "w1")
    ids = cluster.admit("work", 40)
    wait_until(lambda: cluster.states(ids).get("running", 0) >= 3, timeout=60)

    cluster.bus.client.flushall()
    cluster.open_gate()

    cluster.wait_for_end(ids, timeout=100)
    begun = len({line[1] for line in cluster.lines("start")})
    assert len(cluster.lines("start")) > begun, "some had to start again"
    with cluster.store.reading() as conn:
        repeats = sum(task.repeats for run in ids for task in runs.run_detail(conn, run).tasks)
    assert repeats >= 1

    def ticks_go_on():
        with cluster.store.reading() as conn:
            page = runs.list_runs(conn, job="ticking", limit=500)
        dues = sorted(run.cause.due for run in page.items)
        assert len(dues) > 3
        # What was due while Redis was empty may be caught up on in a moment.
        assert dues == list(range(dues[0], dues[-1] + 1, 1000))
        return True

    wait_until(ticks_go_on, timeout=60)
