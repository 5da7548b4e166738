"""Datasources while no worker is there: everything can be looked at and asked for, and is done once one comes."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance.installed import Installed, result_of
from tests.trees import make_tree
from tests.waiting import wait_until


def test_pages_open_and_work_waits_while_no_worker_is_there(rota: Installed, tmp_path: Path) -> None:
    make_tree(tmp_path / "docs", {"sub": {"one": b"1"}, "two": b"22"})
    rota.start()
    rota.add("docs", tmp_path / "docs")
    rota.synced("docs")
    rota.cluster.kill("worker")
    (tmp_path / "docs" / "new").write_bytes(b"333")

    test, sync = rota.post("/datasources/docs/test")["run"], rota.sync("docs")
    for path in ("", "/docs", "/docs?path=sub", f"/docs?run={test}", f"/docs?run={sync}", "/docs/edit"):
        assert "docs" in rota.page(f"/datasources{path}")
    for path in ("/datasources:add", "/datasources:add?kind=s3", f"/runs/{sync}"):
        rota.page(path)
    assert rota.rota("datasources", "tree", "docs", "--all")[1].split()[-2:] == ["3", "./"]
    code, said = rota.rota("datasources", "sync", "docs")
    assert (code, "skipped" in said) == (4, True)
    assert rota.source("docs")["entries"] == 3

    rota.cluster.start("worker", "worker")
    assert result_of(rota.ended(test))["reachable"]
    assert result_of(rota.ended(sync))["created"] == 1
    wait_until(lambda: rota.source("docs")["entries"] == 4, timeout=30)
