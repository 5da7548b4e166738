"""The actor `move` on folders of this machine: within one datasource by renaming, between two by copy and removal."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from actors.datasources.local.storage import LocalStorage
from actors.datasources.storage import Datasource
from rota.datasources import Rules
from rota.errors import PermanentError
from tests.integration.actors.carried import Carried, counted, files
from tests.integration.actors.mirrors import contents, drafts
from tests.trees import File, Link, make_tree, walked

OLD, NEW = 1_500_000_000, 1_600_000_000
TREE = {"a.txt": File(b"alpha", OLD), "folder": {"b": b"beta", "deep": {"c": b"", "d": b"delta"}, "empty": {}}}


@pytest.fixture(params=["within", "between"])
def carried(tmp_path: Path, request: pytest.FixtureRequest) -> Carried:
    """Moves from the folder `from` into the folder `to`, of one datasource or of two."""
    make_tree(tmp_path, {"from": {}, "to": {}})
    if request.param == "between":
        return Carried(
            tmp_path,
            source=Datasource(name="source", root=str(tmp_path / "from")),
            target=Datasource(name="target", root=str(tmp_path / "to")),
        )
    one = Datasource(name="one", root=str(tmp_path))
    return _Within(tmp_path, source=one, target=one)


class _Within(Carried):
    """Both folders in one datasource, named in all paths."""

    @property
    def origin(self):
        return Path(self.source.root) / "from"

    @property
    def goal(self):
        return Path(self.target.root) / "to"

    def move(self, *paths, run=None, target="", **params):
        given = [f"from/{path}" for path in paths]
        return super().move(*given, run=run, target=f"to/{target}".rstrip("/"), **params)


def is_within(carried: Carried) -> bool:
    return carried.source is carried.target


def test_files_and_folders_go_from_one_place_to_the_other(carried):
    make_tree(carried.origin, TREE | {"other": b"stays"})
    inode = (carried.origin / "folder").stat().st_ino

    result = carried.move("a.txt", "folder", target="new")

    assert contents(carried.origin) == {b"other": b"stays"}
    assert files(carried.goal / "new") == {
        "a.txt": b"alpha",
        "folder/b": b"beta",
        "folder/deep/c": b"",
        "folder/deep/d": b"delta",
    }
    assert (carried.goal / "new/folder/empty").is_dir()
    assert (carried.goal / "new/a.txt").stat().st_mtime == OLD
    # In one datasource the folder went in one step.
    assert ((carried.goal / "new/folder").stat().st_ino == inode) == is_within(carried)
    assert result.moved == (2 if is_within(carried) else 4)
    assert drafts(carried.goal) == []


def test_both_sides_are_told_as_changed(carried):
    make_tree(carried.origin, {"f": {"a": b"1"}, "b": b"2"})

    carried.move("f", "b")

    expected = {"one": ["from", "to"]} if is_within(carried) else {"source": [""], "target": [""]}
    assert carried.events() == expected


def test_folders_are_merged_and_what_is_skipped_stays(carried):
    make_tree(carried.origin, {"f": {"same": b"new", "fresh": b"1", "sub": {"x": b"2"}, "whole": {"z": b"5"}}})
    make_tree(carried.goal, {"f": {"same": b"old", "own": b"3", "sub": {"y": b"4"}}})

    assert counted(carried.move("f"))["skipped"] == 1

    assert contents(carried.origin) == {b"f": None, b"f/same": b"new"}
    assert files(carried.goal) == {
        "f/same": b"old",
        "f/fresh": b"1",
        "f/own": b"3",
        "f/sub/x": b"2",
        "f/sub/y": b"4",
        "f/whole/z": b"5",
    }


def test_files_are_overwritten_if_asked(carried):
    make_tree(carried.origin, {"a": b"new", "f": {"b": b"new"}})
    make_tree(carried.goal, {"a": b"old", "f": {"b": b"older"}})

    assert carried.move("a", "f", conflict="overwrite").moved == 2

    assert contents(carried.origin) == {}
    assert files(carried.goal) == {"a": b"new", "f/b": b"new"}
    assert {path for path in walked(carried.goal) if b".rota" in path} == set()


def test_only_older_files_are_overwritten_if_asked(carried):
    make_tree(carried.origin, {"f": {"a": File(b"1", NEW), "b": File(b"1", OLD)}})
    make_tree(carried.goal, {"f": {"a": File(b"2", OLD), "b": File(b"2", NEW)}})

    carried.move("f", conflict="newer")

    assert files(carried.origin) == {"f/b": b"1"}
    assert files(carried.goal) == {"f/a": b"1", "f/b": b"2"}


def test_files_get_numbers_if_asked(carried):
    make_tree(carried.origin, {"r.pdf": b"new", "f": {"a": b"1", "b": b"2"}})
    make_tree(carried.goal, {"r.pdf": b"old", "r (2).pdf": b"older", "f": {"a": b"0"}})

    carried.move("r.pdf", "f", conflict="number")

    assert contents(carried.origin) == {}
    assert files(carried.goal) == {
        "r.pdf": b"old",
        "r (2).pdf": b"older",
        "r (3).pdf": b"new",
        "f/a": b"0",
        "f/a (2)": b"1",
        "f/b": b"2",
    }


@pytest.mark.parametrize("conflict", ["overwrite", "newer"])
def test_a_file_never_replaces_a_folder_nor_a_folder_a_file(carried, conflict):
    make_tree(carried.origin, {"a": b"file", "b": {"x": b"1"}, "f": {"c": b"file", "d": {"x": b"1"}}, "g": b"fine"})
    make_tree(carried.goal, {"a": {"y": b"2"}, "b": b"file", "f": {"c": {"y": b"2"}, "d": b"file"}})
    before, stays = files(carried.goal), files(carried.origin)
    del stays["g"]

    with pytest.raises(PermanentError, match="not everything was moved.*and 3 more"):
        carried.move("a", "b", "f", "g", conflict=conflict)

    assert files(carried.goal) == before | {"g": b"fine"}
    assert files(carried.origin) == stays


def test_links_stay_where_they_are(carried):
    make_tree(carried.origin, {"f": {"l": Link("/etc/passwd"), "x": b"1"}})
    make_tree(carried.goal, {"f": {"y": b"2"}})

    assert carried.move("f").skipped == 1

    assert os.readlink(carried.origin / "f/l") == "/etc/passwd"
    assert files(carried.goal) == {"f/x": b"1", "f/y": b"2"}


def test_what_the_patterns_leave_out_stays_with_its_folder(tmp_path):
    carried = Carried(tmp_path)
    carried.source = replace(carried.source, rules=Rules(exclude=["*.tmp"]))
    make_tree(carried.origin, {"f": {"a": b"1", "b.tmp": b"2", "g": {"c": b"3"}}})

    assert carried.move("f").moved == 2

    assert files(carried.origin) == {"f/b.tmp": b"2"}
    assert files(carried.goal) == {"f/a": b"1", "f/g/c": b"3"}
    assert any("'f' stays where it was" in line for line in carried.said("info"))


def test_at_its_own_place_nothing_moves(tmp_path):
    one = Datasource(name="one", root=str(tmp_path))
    make_tree(tmp_path, {"d": TREE})
    before = walked(tmp_path)

    for conflict in ("skip", "overwrite", "number", "newer"):
        carried = Carried(tmp_path, source=one, target=one)
        assert counted(carried.move("d/a.txt", "d/folder", target="d", conflict=conflict)) == {"skipped": 2}

    assert walked(tmp_path) == before


def test_a_folder_does_not_move_into_itself(tmp_path):
    one = Datasource(name="one", root=str(tmp_path))
    make_tree(tmp_path, {"d": TREE})
    before = walked(tmp_path)

    with pytest.raises(PermanentError, match="'d': a folder cannot go into itself"):
        Carried(tmp_path, source=one, target=one).move("d", target="d/folder")

    assert walked(tmp_path) == before


def test_what_is_not_there_is_told_and_the_rest_moved(carried):
    make_tree(carried.origin, {"a": b"1"})

    with pytest.raises(PermanentError, match="gone': it is not there"):
        carried.move("gone", "a")

    assert files(carried.goal) == {"a": b"1"}
    assert files(carried.origin) == {}


@pytest.mark.parametrize("conflict", ["skip", "overwrite", "number", "newer"])
@pytest.mark.parametrize("attempt", [1, 2])
@pytest.mark.parametrize("inodes", [True, False])
def test_a_file_that_is_its_own_goal_by_another_way_is_never_removed(tmp_path, monkeypatch, conflict, attempt, inodes):
    make_tree(tmp_path / "files", TREE)
    # Nobody can tell from these two that they are one.
    monkeypatch.setattr("actors.copying.carrying.place_of", lambda datasource: (datasource.name,))
    if not inodes:
        _hide_inodes(monkeypatch)
    places = [Datasource(name=name, root=str(tmp_path / "files")) for name in ("one", "other")]
    carried = Carried(tmp_path, source=places[0], target=places[1])
    before = files(tmp_path / "files")

    done = carried.move("a.txt", "folder", run=carried.new_run(attempt=attempt), conflict=conflict)

    assert files(tmp_path / "files") == before
    assert done.skipped == 4
    assert drafts(tmp_path / "files") == []


def _hide_inodes(monkeypatch: pytest.MonkeyPatch) -> None:
    real_stat, real_list = LocalStorage.stat, LocalStorage.list_folder

    def stat(self, path):
        row = real_stat(self, path)
        return row and row._replace(inode=0, device=0)

    def list_folder(self, path):
        found = real_list(self, path)
        return replace(found, rows=[row._replace(inode=0, device=0) for row in found.rows])

    monkeypatch.setattr(LocalStorage, "stat", stat)
    monkeypatch.setattr(LocalStorage, "list_folder", list_folder)
