"""The actor `restore` on a folder of this machine."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from actors.datasources.local.storage import LocalStorage
from actors.datasources.storage import Datasource
from rota.errors import PermanentError
from tests.integration.actors.recycled import Recycling, visible
from tests.trees import Link, make_tree

TREE = {"a.txt": b"alpha", "folder": {"b": b"beta", "deep": {"c": b"c" * 100}}, "link": Link("a.txt")}


@pytest.fixture
def bins(tmp_path: Path) -> Recycling:
    make_tree(tmp_path / "files", TREE)
    return Recycling(Datasource(name="files", root=str(tmp_path / "files")))


def test_what_is_restored_is_what_it_was(bins):
    before = visible(bins.root)
    status = (bins.root / "folder").stat()
    bins.delete("folder", "a.txt", "link")

    result = bins.restore("folder", "link", items=[bins.id_of("a.txt")])

    assert (result.restored, result.entries, result.bytes, result.kept) == (3, 6, 109, [])
    assert result.paths == ["a.txt", "folder", "link"]
    assert visible(bins.root) == before
    assert (bins.root / "folder").stat().st_ino == status.st_ino
    assert bins.items() == []
    assert bins.left_over() == []
    assert bins.changed() == [[""]]


def test_missing_folders_are_made(bins):
    bins.delete("folder/deep/c")
    bins.delete("folder")

    assert bins.restore("folder/deep/c").restored == 1

    assert visible(bins.root)["folder/deep/c"] == b"c" * 100
    assert bins.changed() == [[""]]
    # What is there by now is not mixed with what comes back.
    assert [each.why for each in bins.restore("folder").kept] == ["something is at 'folder' already"]


def test_the_one_that_was_deleted_last_is_restored_by_its_path(bins):
    bins.delete("a.txt")
    make_tree(bins.root, {"a.txt": b"second"})
    bins.delete("a.txt")

    bins.restore("a.txt")

    assert visible(bins.root)["a.txt"] == b"second"
    assert bins.originals() == [b"a.txt"]


def test_nothing_that_is_there_is_replaced(bins):
    bins.delete("a.txt", "folder")
    make_tree(bins.root, {"a.txt": b"new", "folder": Link("nowhere")})

    result = bins.restore("a.txt", "folder")

    assert {each.path: each.why for each in result.kept} == {
        "a.txt": "something is at 'a.txt' already",
        "folder": "something is at 'folder' already",
    }
    assert visible(bins.root)["a.txt"] == b"new"
    assert bins.originals() == [b"a.txt", b"folder"]
    assert [item.claimed_by for item in bins.items()] == [None, None]


def test_a_number_makes_room(bins):
    for content in (b"alpha", b"second", b"third"):
        make_tree(bins.root, {"a.txt": content})
        bins.delete("a.txt")
    make_tree(bins.root, {"a.txt": b"new"})

    paths = [bins.restore("a.txt", conflict="number").paths for _ in range(3)]

    assert paths == [["a (2).txt"], ["a (3).txt"], ["a (4).txt"]]
    assert [visible(bins.root)[f"a{n}.txt"] for n in ("", " (2)", " (3)", " (4)")] == [
        b"new", b"third", b"second", b"alpha"
    ]  # fmt: skip


def test_items_go_into_another_folder(bins):
    bins.delete("folder/deep", "a.txt")

    result = bins.restore("folder/deep", "a.txt", target="new/place")

    assert sorted(result.paths) == ["new/place/a.txt", "new/place/deep"]
    assert visible(bins.root)["new/place/deep/c"] == b"c" * 100
    assert bins.changed() == [[""]]


@pytest.mark.parametrize("target", ["..", ".rota/bin", "folder/.rota-x", "/tmp"])
def test_what_must_not_be_written_to_is_refused(bins, target):
    bins.delete("a.txt")

    with pytest.raises(PermanentError, match="path"):
        bins.restore("a.txt", target=target)

    assert bins.originals() == [b"a.txt"]


def test_a_file_on_the_way_keeps_the_item_in_the_bin(bins):
    bins.delete("folder/deep/c")
    shutil.rmtree(bins.root / "folder")
    make_tree(bins.root, {"folder": b"a file"})

    assert [each.why for each in bins.restore("folder/deep/c").kept] == ["'folder' is no folder"]


def test_a_link_on_the_way_is_not_followed(bins, tmp_path):
    bins.delete("folder/b")
    shutil.rmtree(bins.root / "folder")
    make_tree(tmp_path / "outside", {})
    make_tree(bins.root, {"folder": Link(str(tmp_path / "outside"))})

    assert [each.why for each in bins.restore("folder/b").kept] == ["'folder' is no folder"]
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_touched_item_is_restored_as_it_is(bins):
    bins.delete("a.txt")
    bins.place_of("a.txt").write_bytes(b"touched")

    assert bins.restore("a.txt").restored == 1

    assert visible(bins.root)["a.txt"] == b"touched"


def test_what_is_not_in_the_bin_is_told(bins):
    bins.delete("a.txt", "link")
    bins.place_of("a.txt").unlink()

    result = bins.restore("a.txt", "folder", "link", items=["01900000-0000-7000-8000-00000000000a"])

    assert [(each.path, each.why) for each in result.kept] == [
        ("01900000-0000-7000-8000-00000000000a", "nothing of that name is in the bin"),
        ("folder", "nothing of that name is in the bin"),
        ("a.txt", "it is not in the bin any more"),
    ]
    assert bins.items() == []
    assert bins.left_over() == []


def test_what_somebody_holds_stays_until_it_is_released(bins):
    bins.delete("a.txt")
    bins.memory.hold(bins.item("a.txt").id, "case 7")

    assert [kept.why for kept in bins.restore("a.txt").kept] == ["it is held (case 7); release it first"]
    assert bins.originals() == [b"a.txt"]

    bins.memory.hold(bins.item("a.txt").id, None)
    assert bins.restore("a.txt").restored == 1


def test_what_another_task_takes_out_stays(bins):
    bins.delete("a.txt")
    other = bins.new_run(task="other")
    bins.memory.open_tasks.add("other")
    bins.records_of(other).claim([bins.item("a.txt").id], "purge")

    assert [each.why for each in bins.restore("a.txt").kept] == ["another task is just taking it out of the bin"]

    bins.memory.open_tasks.discard("other")
    assert bins.restore("a.txt").restored == 1


def test_what_a_purge_has_begun_with_stays_for_it(bins):
    bins.delete("a.txt")
    bins.records_of(bins.new_run(task="ended")).claim([bins.item("a.txt").id], "purge")
    (bins.root / ".rota" / "tomb").mkdir()
    (bins.bin / bins.id_of("a.txt")).rename(bins.root / ".rota" / "tomb" / bins.id_of("a.txt"))

    assert [each.why for each in bins.restore("a.txt").kept] == ["a purge has begun to delete it"]
    bins.purge()
    assert bins.items() == []
    assert bins.left_over() == []


@pytest.mark.parametrize("conflict", ["skip", "number"])
def test_the_next_attempt_finds_what_the_last_one_restored(bins, monkeypatch, conflict):
    bins.delete("folder", "a.txt")
    if conflict == "number":
        make_tree(bins.root, {"a.txt": b"new", "folder": {}})
    with monkeypatch.context() as patch:
        patch.setattr("actors.testing_bin.MemoryBin.remove", _die)
        with pytest.raises(SystemExit):
            bins.restore("folder", "a.txt", conflict=conflict)

    result = bins.restore("folder", "a.txt", conflict=conflict, run=bins.again())

    assert (result.restored, result.entries, result.bytes) == (2, 5, 109)
    assert result.paths == (["folder", "a.txt"] if conflict == "skip" else ["folder (2)", "a (2).txt"])
    assert bins.items() == []
    assert bins.left_over() == []


def test_a_failure_is_told_and_the_rest_goes_on(bins, monkeypatch):
    bins.delete("a.txt", "folder")
    real = LocalStorage.rename

    def rename(self, path, target):
        if target == b"a.txt":
            raise PermissionError(1, "not allowed", path)
        real(self, path, target)

    monkeypatch.setattr(LocalStorage, "rename", rename)

    with pytest.raises(PermanentError, match="not everything was restored: 'a.txt': not allowed"):
        bins.restore("a.txt", "folder")

    assert bins.originals() == [b"a.txt"]
    assert bins.item("a.txt").claimed_by is None
    assert "folder" in visible(bins.root)


def _die(*_: object) -> None:
    raise SystemExit
