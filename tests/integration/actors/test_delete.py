"""The actor `delete` on a folder of this machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from actors.datasources.local.storage import LocalStorage
from actors.datasources.storage import Datasource
from actors.datasources.trashinfo import decode
from rota.errors import Cancelled, PermanentError, TemporaryError
from tests.integration.actors.recycled import Recycling, visible
from tests.trees import Link, make_tree

TREE = {"a.txt": b"alpha", "folder": {"b": b"beta", "deep": {"c": b"c" * 100}}, "link": Link("a.txt"), "empty": {}}


@pytest.fixture
def bins(tmp_path: Path) -> Recycling:
    make_tree(tmp_path / "files", TREE)
    return Recycling(Datasource(name="files", root=str(tmp_path / "files")))


def test_what_is_deleted_goes_to_the_bin_with_all_that_is_known(bins):
    status = (bins.root / "folder").stat()

    result = bins.delete("folder", "a.txt")

    assert result.model_dump() == {"removed": 2, "items": 5, "bytes": 109, "skipped": 0, "for_good": 0}
    assert visible(bins.root).keys() == {"link", "empty"}
    item = bins.item("folder").recycled
    assert (item.kind, item.items, item.bytes, item.deleted_by, item.origin) == ("folder", 4, 104, "anna", "deleted")
    assert (item.inode, item.device, item.modified_ns) == (status.st_ino, status.st_dev, status.st_mtime_ns)
    assert (bins.place_of("folder") / "deep" / "c").read_bytes() == b"c" * 100
    info = decode((bins.bin / f"{bins.id_of('folder')}.trashinfo").read_bytes())
    assert (info.path, info.deleted_by, info.deleted_at) == (b"folder", "anna", item.deleted_at)
    assert (info.run, info.task) == (bins.run.id, bins.run.task)
    assert bins.changed() == [[""]]


def test_changes_are_told_by_the_folders_that_they_are_in(bins):
    bins.delete("folder/b", "folder/deep/c")

    assert bins.changed() == [["folder"]]


def test_what_is_in_another_one_is_deleted_with_it(bins):
    assert bins.delete("folder/b", "folder", "folder/deep", "folder").removed == 1

    assert bins.originals() == [b"folder"]


def test_links_and_names_of_all_kinds_are_deleted_themselves(bins):
    make_tree(bins.root, {"caf\u00e9 %41\n": b"x"})

    assert bins.delete("link", "caf\u00e9 %41\n").removed == 2

    assert os.readlink(bins.place_of("link")) == "a.txt"
    assert (bins.root / "a.txt").exists()
    assert bins.place_of("caf\u00e9 %41\n").read_bytes() == b"x"


def test_what_is_not_there_is_told_and_counted(bins):
    result = bins.delete("nothing", "folder/nothing", "link/x", "a.txt")

    assert (result.removed, result.skipped) == (1, 3)
    assert "'nothing' is not there" in bins.said("warning")


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/", "is the datasource itself"),
        ("..", "must not have"),
        ("folder/../../x", "must not have"),
        ("/etc", "is absolute"),
        (".rota", "is Rota's own"),
        (".rota/bin", "is Rota's own"),
        (".rota-marker", "is Rota's own"),
        ("folder/.rota-draft-1", "is Rota's own"),
    ],
)
def test_what_must_not_be_deleted_is_refused_before_anything_is(bins, path, why):
    before = visible(bins.root)

    with pytest.raises(PermanentError, match=why):
        bins.delete("a.txt", path)

    assert visible(bins.root) == before
    assert bins.items() == []


def test_a_link_that_leads_out_is_not_followed(bins, tmp_path):
    make_tree(tmp_path / "outside", {"x": b"x"})
    make_tree(bins.root, {"out": Link(str(tmp_path / "outside"))})

    assert bins.delete("out/x").skipped == 1
    assert (tmp_path / "outside" / "x").exists()


def test_bins_belong_to_users_and_folders(bins):
    bins.use(per="user")
    bins.delete("a.txt")
    bins.use(per="folder")
    bins.delete("folder/b", "link")

    assert [item.recycled.bin for item in bins.items()] == ["user:anna", "folder:folder", "folder:"]


def test_what_the_bin_does_not_take_is_deleted_for_good(bins):
    bins.use(parts=[{"folder": "folder", "enabled": False}])

    result = bins.delete("folder/deep", "a.txt")

    assert (result.removed, result.for_good) == (2, 1)
    assert bins.originals() == [b"a.txt"]
    assert bins.in_bin() == ["a.txt"]
    assert not (bins.root / "folder" / "deep").exists()


def test_permanently_leaves_nothing(bins):
    assert bins.delete("folder", "a.txt", permanently=True).for_good == 2

    assert bins.items() == []
    assert bins.left_over() == []


def test_what_a_pattern_holds_stays_in_the_bin(bins):
    bins.use(hold=["folder/deep/c"])

    assert bins.delete("folder", "a.txt", permanently=True).for_good == 1

    assert bins.originals() == [b"folder"]
    assert "1 items stay in the bin: held" in bins.said("warning")


def test_a_failure_is_told_and_the_rest_goes_on(bins, monkeypatch):
    real = LocalStorage.rename

    def rename(self, path, target):
        if path == b"a.txt":
            raise PermissionError(1, "not allowed", path)
        real(self, path, target)

    monkeypatch.setattr(LocalStorage, "rename", rename)

    with pytest.raises(PermanentError, match="not everything was deleted: 'a.txt': not allowed"):
        bins.delete("a.txt", "folder")

    assert bins.originals() == [b"folder"]
    assert (bins.root / "a.txt").exists()
    assert bins.changed() == [[""]]
    assert len(list(bins.bin.glob("*.trashinfo"))) == 1


def test_the_next_attempt_records_what_the_last_one_could_not(bins, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("actors.testing_bin.MemoryBin.add", _die)
        with pytest.raises(SystemExit):
            bins.delete("folder", "a.txt")
    assert bins.items() == []

    result = bins.delete("folder", "a.txt", run=bins.again())

    assert (result.removed, result.items, result.bytes, result.skipped) == (2, 5, 109, 0)
    assert bins.originals() == [b"a.txt", b"folder"]
    assert [item.recycled.items for item in bins.items()] == [1, 4]
    assert bins.in_bin() == ["a.txt", "folder", "folder/b", "folder/deep", "folder/deep/c"]


def test_repeating_the_task_has_the_same_end_and_leaves_what_came_since(bins):
    first = bins.delete("a.txt", "folder")
    make_tree(bins.root, {"a.txt": b"new"})

    assert bins.delete("a.txt", "folder", run=bins.again()) == first

    assert visible(bins.root)["a.txt"] == b"new"
    assert len(bins.items()) == 2


def test_a_cancelled_deletion_leaves_each_path_in_one_place(bins):
    run = bins.new_run()

    def on_check(_number: int) -> None:
        if bins.items():
            run.interrupt(Cancelled())

    run.on_check = on_check

    with pytest.raises(Cancelled):
        bins.delete("a.txt", "folder", "link", run=run)

    assert bins.originals() == [b"a.txt"]
    assert {"folder", "link"} <= visible(bins.root).keys()
    assert bins.changed() == [[""]]


def test_an_item_whose_place_in_the_bin_goes_away_is_not_said_to_be_missing(bins, monkeypatch):
    real = LocalStorage.rename

    def rename(self, path, target):
        if path == b"a.txt":
            (bins.root / os.fsdecode(target)).parent.rmdir()
        real(self, path, target)

    monkeypatch.setattr(LocalStorage, "rename", rename)

    with pytest.raises(TemporaryError, match="'a.txt': it, or its place in the bin, was away for a moment"):
        bins.delete("a.txt")

    assert (bins.root / "a.txt").exists()


@pytest.fixture
def swapped(bins, monkeypatch):
    """Something else takes the place in the bin of whatever comes there."""
    make_tree(bins.root, {"other": {"precious": b"1"}})
    real = LocalStorage.rename

    def rename(self, path, target):
        real(self, path, target)
        place = bins.root / os.fsdecode(target)
        place.rename(bins.root / "aside")
        (bins.root / "other").rename(place)

    with monkeypatch.context() as patch:
        patch.setattr(LocalStorage, "rename", rename)
        yield


@pytest.mark.usefixtures("swapped")
def test_what_takes_the_place_of_an_item_as_it_comes_is_not_taken_for_it(bins):
    bins.delete("folder")
    bins.age("folder", 40)

    result = bins.purge()

    assert (result.removed, result.kept) == (0, {"touched": 1})
    assert (bins.place_of("folder") / "precious").exists()


@pytest.mark.usefixtures("swapped")
def test_what_takes_the_place_of_an_item_that_goes_for_good_stays(bins):
    assert bins.delete("folder", permanently=True).for_good == 0

    assert (bins.place_of("folder") / "precious").exists()


def test_a_move_of_two_steps_that_was_stopped_between_them_is_finished(bins, monkeypatch):
    def rename(self, path, target):
        os.link(bins.root / os.fsdecode(path), bins.root / os.fsdecode(target))
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(LocalStorage, "rename", rename)
        with pytest.raises(SystemExit):
            bins.delete("a.txt")

    assert bins.delete("a.txt", run=bins.again()).removed == 1

    assert "a.txt" not in visible(bins.root)
    assert bins.in_bin() == ["a.txt"]


def _die(*_: object) -> None:
    raise SystemExit
