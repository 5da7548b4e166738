"""A worker process of one's own: its threads, its database, its lease."""

from __future__ import annotations

import pytest

from rota.clock import SystemClock
from store.engine import Store
from store.queries import datasources
from store.records import DatasourceRecord
from tests.integration.workers.conftest import LEASE_SECONDS, make_task
from tests.waiting import wait_until


@pytest.mark.parametrize("actor", ["test.deaf", "test.stubborn"])
def test_a_terminated_task_frees_its_thread_and_is_never_heard_of_again(bus, hearing, start_worker, actor):
    start_worker(threads=1).wait_ready()
    task, neighbour = make_task(actor), make_task("test.nothing")
    bus.sender.send([task])
    hearing.start(task)

    asked = SystemClock().now_ms()
    assert bus.control.request("terminate", [task.task]) == {task.task: "running"}
    bus.sender.send([neighbour])
    end = hearing.end(neighbour, "succeeded")

    assert end.at - asked < 2_000
    assert hearing.states(task) == []
    assert bus.sender.send([task]) == 0


def test_actors_find_datasources_in_the_store(bus, hearing, start_worker, tmp_path):
    store = Store(f"sqlite:///{tmp_path / 'rota.db'}")
    store.upgrade()
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "one.txt").write_text("one")
    with store.writing() as conn:
        record = DatasourceRecord(name="files", kind="local", root=str(tmp_path / "files"), created_at=0, updated_at=0)
        datasources.save(conn, record, at=0)
    store.close()
    start_worker().wait_ready()
    sync, places = make_task("sync", "sync", params={"datasource": "files"}), make_task("test.places", "isolated")

    bus.sender.send([sync, places])

    assert hearing.end(sync, "succeeded").result["created"] == 1
    assert hearing.end(places, "succeeded").result["steps"] == 1


def test_a_lease_that_is_gone_ends_the_body_and_nothing_is_reported(bus, hearing, start_worker, tmp_path):
    start_worker().wait_ready()
    task = make_task("test.count", params={"steps": 1000, "seconds": 0.05})
    bus.sender.send([task])
    begun = hearing.start(task)

    bus.client.flushall()
    bus.sender.send([task])

    wait_until(lambda: any(outcome.fence > begun.fence for outcome in hearing.of(task)), timeout=60)
    assert all(outcome.kind != "finished" for outcome in hearing.of(task) if outcome.fence == begun.fence)


def test_a_worker_cut_off_from_redis_ends_its_bodies_when_their_lease_is_over(bus, hearing, start_worker, tmp_path):
    start_worker().wait_ready()
    trace = tmp_path / "trace"
    bus.sender.send([make_task("test.deaf", params={"trace": str(trace)})])
    wait_until(lambda: trace.exists() and "started" in trace.read_text(), timeout=60)

    # Only what changes anything waits, or we could not end the pause ourselves.
    bus.client.client_pause(120_000, all=False)
    try:
        wait_until(lambda: "ended" in trace.read_text(), timeout=LEASE_SECONDS * 3)
    finally:
        bus.client.client_unpause()
