"""The actor `mirror` in a real worker: what it puts into the bin is recorded in the store."""

from __future__ import annotations

from sqlalchemy import select

from store.engine import Store
from store.queries import datasources
from store.records import DatasourceRecord
from store.tables import recycled
from tests.integration.workers.conftest import make_task
from tests.trees import make_tree


def test_a_mirror_copies_and_records_what_it_put_into_the_bin(bus, hearing, start_worker, tmp_path):
    make_tree(tmp_path / "source", {"new": b"content"})
    make_tree(tmp_path / "target", {"old": {"file": b"12345"}})
    store = Store(f"sqlite:///{tmp_path / 'rota.db'}")
    store.upgrade()
    with store.writing() as conn:
        for name in ("source", "target"):
            datasources.save(conn, DatasourceRecord(name=name, kind="local", root=str(tmp_path / name)), at=0)
    start_worker().wait_ready()
    task = make_task("mirror", "sync", params={"datasource": "source", "target": "target"})

    bus.sender.send([task])

    result = hearing.end(task, "succeeded").result
    assert (result["copied"], result["removed"]) == (1, 2)
    assert (tmp_path / "target" / "new").read_bytes() == b"content"
    with store.reading() as conn:
        [item] = conn.execute(select(recycled)).mappings().all()
    store.close()
    assert (item["datasource"], item["original_path"], item["items"], item["bytes"]) == ("target", b"old", 2, 5)
    assert item["run"] == task.run
    assert (tmp_path / "target" / ".rota" / "bin" / item["bin_path"].decode() / "file").read_bytes() == b"12345"
    [(_, event, _)] = bus.events.read(block_ms=10)
    assert (event.type, event.data) == ("storage.changed", {"datasource": "target", "paths": [""]})
