"""Recycle bins as their users see them, with whole processes: nothing is lost, and what goes is what was told."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.installed import Installed, in_memory_folder
from tests.trees import make_tree, walked
from tests.waiting import wait_until

_ITEMS, _FILES = 80, 25
_JUST_NOW = "PT0.001S"


@pytest.fixture
def root() -> Iterator[Path]:
    """A folder, in memory where there is such a file system."""
    folder = in_memory_folder()
    yield Path(folder)
    shutil.rmtree(folder)


def binned(rota: Installed, name: str = "files") -> dict[str, Any]:
    """What is in a bin, by the path that it had."""
    return {item["path"]: item for item in rota.get(f"/datasources/{name}/bin", limit=500)["items"]}


def work(rota: Installed, verb: str, **wish: Any) -> Any:
    """Start work on the datasource `files`, wait for its end and give its result."""
    return rota.ended(rota.post(f"/datasources/files/{verb}", wish)["run"])["result"]


def on_disk(root: Path, private: str) -> list[str]:
    """What lies in a private folder."""
    folder = root / ".rota" / private
    return sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []


def shown(root: Path) -> dict[bytes, tuple[object, ...]]:
    """All that is there but what is Rota's own: kind, size and inode, and the time of what is no folder."""
    found = {path: seen for path, seen in walked(root).items() if not path.startswith(b".rota")}
    return {
        path: (seen.kind, seen.size, seen.inode, 0 if seen.kind == "folder" else seen.modified_ns)
        for path, seen in found.items()
    }


def test_what_is_deleted_is_listed_and_comes_back_as_it_was(rota: Installed, root: Path) -> None:
    make_tree(root, {"a": {"one": b"1", "sub": {"two": b"22"}}, "b": b"333", "scratch": {"x": b"4"}})
    rota.start()
    rota.add("files", root, bin={"parts": [{"folder": "scratch", "enabled": False}]})
    rota.synced("files")
    before = shown(root)

    code, said = rota.rota("files", "delete", "files", "a", "b", "scratch/x", "--wait")
    assert (code, "Deleted: 6 entries, 7 B. Gone for good: 1 path." in said) == (0, True), said
    assert {path: item["deleted_by"] for path, item in binned(rota).items()} == {"a": "the-admin", "b": "the-admin"}
    wait_until(lambda: set(rota.known("files")) == {b"scratch"}, timeout=30)
    page = rota.page("/datasources/files/bin")
    assert all(item["id"] in page for item in binned(rota).values())

    assert rota.rota("bin", "restore", "files", "--path", "a", "--wait")[0] == 0
    make_tree(root, {"b": b"another"})
    kept = work(rota, "bin/restore", paths=["b"])
    assert (kept["restored"], [item["path"] for item in kept["kept"]]) == (0, ["b"])
    (root / "b").unlink()
    assert work(rota, "bin/restore", paths=["b"])["restored"] == 1

    gone = b"scratch/x"
    # The inode of `a` says that it was moved and not copied; `b` too.
    del before[gone]
    assert shown(root) == before
    wait_until(lambda: rota.known("files").keys() == before.keys(), timeout=30)
    assert binned(rota) == {}
    assert on_disk(root, "bin") == []


def test_purge_that_is_killed_in_the_middle_is_finished_by_the_next_attempt(rota: Installed, root: Path) -> None:
    folders = {f"t{n}": {f"{file}": b"x" for file in range(_FILES)} for n in range(_ITEMS)}
    make_tree(root, {**folders, "keep": {"one": b"1"}})
    rota.start()
    rota.add("files", root, bin={"max_purged": 1})
    assert work(rota, "delete", paths=list(folders))["removed"] == _ITEMS

    run = rota.post("/datasources/files/bin/purge", {"older_than": _JUST_NOW, "items_per_second": 20})["run"]
    wait_until(lambda: 0 < rota.source("files")["recycled"]["items"] <= _ITEMS - 5, timeout=60)
    assert rota.cluster.kill_child("worker")
    left = rota.source("files")["recycled"]["items"]
    assert left > 0, "the purge was over before it was killed"

    found = rota.ended(run, timeout=90)
    assert len(found["tasks"][0]["attempts"]) > 1
    # What was gone when the attempt was killed and not written down yet is gone all the same.
    assert left <= found["result"]["removed"] <= _ITEMS
    assert binned(rota) == {}
    assert (on_disk(root, "bin"), on_disk(root, "tomb")) == ([], [])
    assert set(shown(root)) == {b"keep", b"keep/one"}


def test_purge_takes_what_the_dry_run_told_less_what_was_restored_and_held(rota: Installed, root: Path) -> None:
    make_tree(root, {**{f"f{n}": b"x" * n for n in range(8)}, "law": {"contract": b"c"}})
    rota.start()
    rota.add("files", root, bin={"hold": ["law/**"]})
    work(rota, "delete", paths=[*(f"f{n}" for n in range(8)), "law"])

    told = work(rota, "bin/dry-run", older_than=_JUST_NOW)
    listed = {item["path"] for item in told["items"]}
    assert listed == {f"f{n}" for n in range(8)}
    assert (told["bytes"], told["kept"]) == (28, {"held": 1})
    assert binned(rota).keys() == listed | {"law"}, "a dry run changes nothing"

    assert work(rota, "bin/restore", paths=["f3"])["restored"] == 1
    rota.post("/datasources/files/bin/hold", {"items": [binned(rota)["f5"]["id"]], "reason": "case 17"})
    purged = work(rota, "bin/purge", older_than=_JUST_NOW)

    assert {item["path"] for item in purged["items"]} == listed - {"f3", "f5"}
    assert purged["kept"] == {"held": 2}
    assert binned(rota).keys() == {"law", "f5"}
    assert (root / "f3").read_bytes() == b"xxx"


def test_data_of_a_removed_user_is_kept_for_a_while_and_then_purged(rota: Installed, root: Path) -> None:
    make_tree(root, {"home": {"anna": {"one": b"1"}, "bob": {"two": b"22"}, "carl": {"three": b"3"}}})
    rota.start()
    rota.add("files", root, homes="home")

    assert rota.rota("events", "publish", "user.removed", "--data", '{"user": "anna"}')[0] == 0
    wait_until(lambda: "home/anna" in binned(rota), timeout=30)
    assert binned(rota)["home/anna"]["keep_until"] is not None
    assert work(rota, "bin/purge", older_than=_JUST_NOW)["kept"] == {"waiting": 1}

    bob = rota.post("/jobs/clean-removed-user/run", {"params": {"user": "bob", "keep": "PT1S"}})["run"]
    rota.ended(bob)
    purged: list[tuple[str, str]] = []

    def is_due() -> bool:
        purged.extend((item["path"], item["why"]) for item in work(rota, "bin/purge")["items"])
        return bool(purged)

    wait_until(is_due, timeout=30)
    assert purged == [("home/bob", "due")]

    assert work(rota, "bin/restore", paths=["home/anna"])["restored"] == 1
    assert (root / "home/anna/one").read_bytes() == b"1"
    assert sorted(entry.name for entry in (root / "home").iterdir()) == ["anna", "carl"]


def test_lost_database_is_rebuilt_from_what_lies_in_the_bin(rota: Installed, root: Path) -> None:
    make_tree(root, {"a": {"one": b"1"}, "b": b"22"})
    rota.start()
    rota.add("files", root)
    work(rota, "delete", paths=["a", "b"])
    known = binned(rota)

    assert rota.admin.delete("/api/v1/datasources/files", headers={"If-Match": "*"}).status_code == 204
    rota.add("files", root)
    assert binned(rota) == {}
    assert work(rota, "bin/purge")["found"] == 2

    rebuilt = binned(rota)
    fields = ("id", "kind", "size", "items", "deleted_at", "deleted_by")
    assert {path: [item[field] for field in fields] for path, item in rebuilt.items()} == {
        path: [item[field] for field in fields] for path, item in known.items()
    }
    assert {item["origin"] for item in rebuilt.values()} == {"rebuilt"}
    assert work(rota, "bin/restore", paths=["a", "b"])["restored"] == 2


def test_history_is_pruned_by_a_job(rota: Installed) -> None:
    step = {"id": "one", "actor": "sleep", "with": {"seconds": 0}}
    rota.cluster.define(name="often", steps=[step], keep={"runs": 2, "days": 30})
    rota.start()
    runs = rota.cluster.admit("often", 5)
    rota.cluster.wait_for_end(runs, timeout=30)

    rota.post("/jobs/prune-history/enable")
    rota.ended(rota.post("/jobs/prune-history/run")["run"])

    assert {run["id"] for run in rota.get("/runs", job="often")["items"]} == set(runs[-2:])
