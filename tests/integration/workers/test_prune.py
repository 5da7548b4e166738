"""The actor `prune` in a real worker: what it removes is gone from the store."""

from __future__ import annotations

from rota.states import RunState
from rota.times import DAY_MS
from store.engine import Store
from store.queries import runs
from store.records import Closing
from tests.factories import make_run
from tests.integration.workers.conftest import make_task


def test_history_is_pruned_by_a_worker(bus, hearing, start_worker, tmp_path):
    store = Store(f"sqlite:///{tmp_path / 'rota.db'}")
    store.upgrade()
    ended, waits = [make_run(queued_at=DAY_MS) for _ in range(3)], make_run(queued_at=DAY_MS)
    with store.writing() as conn:
        runs.insert_admitted(conn, [*ended, waits], [])
        runs.close(conn, [Closing(run=run.id, state=RunState.FAILED, at=DAY_MS) for run in ended])
    start_worker().wait_ready()
    task = make_task("prune", "default", params={"days": 1})

    bus.sender.send([task])

    result = hearing.end(task, "succeeded").result
    assert (result["runs"], result["rows"], result["bytes"]) == (3, 3, 0)
    with store.reading() as conn:
        assert [run.id for run in runs.list_runs(conn, limit=10).items] == [waits.id]
    store.close()
