"""The actor `copy` on folders of this machine."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from actors.copy import CopyParams
from actors.datasources.storage import Datasource
from rota.datasources import Rules
from rota.errors import PermanentError
from tests.integration.actors.carried import Carried, counted, files
from tests.integration.actors.mirrors import contents, drafts
from tests.trees import Fifo, File, Link, make_tree

OLD, NEW = 1_500_000_000, 1_600_000_000
TREE = {"a.txt": File(b"alpha", OLD), "folder": {"b": b"beta", "deep": {"c": b"", "d": b"delta"}, "empty": {}}}


@pytest.fixture
def carried(tmp_path: Path) -> Carried:
    return Carried(tmp_path)


def test_files_and_folders_go_into_the_target(carried):
    make_tree(carried.origin, {"x": TREE, "other": b"stays"})

    assert counted(carried.copy("x/a.txt", "x/folder", target="to")) == {"copied": 4, "bytes": 14, "folders": 4}

    assert contents(carried.goal / "to") == contents(carried.origin / "x")
    assert (carried.goal / "to/a.txt").stat().st_mtime == OLD
    assert carried.events() == {"target": ["", "to"]} or carried.events() == {"target": [""]}
    assert carried.run.reports[-1][:3] == (14, 14, "bytes")
    assert drafts(carried.goal) == []
    assert not any(thread.name.startswith("carry") for thread in threading.enumerate())


def test_folders_are_merged_and_files_skipped(carried):
    make_tree(carried.origin, {"f": {"same": b"new", "fresh": b"1", "sub": {"x": b"2"}}})
    make_tree(carried.goal, {"f": {"same": b"old", "own": b"3", "sub": {"y": b"4"}}})

    assert counted(carried.copy("f")) == {"copied": 2, "bytes": 2, "skipped": 1}

    assert files(carried.goal) == {
        "f/same": b"old",
        "f/fresh": b"1",
        "f/own": b"3",
        "f/sub/x": b"2",
        "f/sub/y": b"4",
    }
    assert carried.said("warning") == ["'f/same' is left out: a file of its name is there already"]


def test_files_are_overwritten_if_asked(carried):
    make_tree(carried.origin, {"a": b"new", "f": {"b": b"new"}})
    make_tree(carried.goal, {"a": b"old", "f": {"b": b"older"}})

    assert counted(carried.copy("a", "f", conflict="overwrite")) == {"copied": 2, "bytes": 6}

    assert files(carried.goal) == {"a": b"new", "f/b": b"new"}


def test_only_older_files_are_overwritten_if_asked(carried):
    make_tree(carried.origin, {"f": {"a": File(b"1", NEW), "b": File(b"1", OLD), "c": File(b"1", OLD)}})
    make_tree(carried.goal, {"f": {"a": File(b"2", OLD), "b": File(b"2", NEW), "c": File(b"2", OLD)}})

    assert counted(carried.copy("f", conflict="newer")) == {"copied": 1, "bytes": 1, "skipped": 2}

    assert files(carried.goal) == {"f/a": b"1", "f/b": b"2", "f/c": b"2"}


def test_files_get_numbers_if_asked(carried):
    make_tree(carried.origin, {"r.pdf": b"new", "f": {"a": b"1", "a (3)": b"own", "b": b"2"}})
    make_tree(carried.goal, {"r.pdf": b"old", "r (2).pdf": b"older", "f": {"a": b"0", "a (2)": b"00"}})

    assert carried.copy("r.pdf", "f", conflict="number").copied == 4

    assert files(carried.goal) == {
        "r.pdf": b"old",
        "r (2).pdf": b"older",
        "r (3).pdf": b"new",
        "f/a": b"0",
        "f/a (2)": b"00",
        "f/a (4)": b"1",
        "f/a (3)": b"own",
        "f/b": b"2",
    }


def test_two_of_one_name_follow_the_policy(carried):
    make_tree(carried.origin, {"x": {"a": b"1", "f": {"p": b"1", "q": b"1"}}, "y": {"a": b"2", "f": {"p": b"2"}}})

    assert counted(carried.copy("x/a", "y/a", "x/f", "y/f", conflict="number"))["copied"] == 5

    assert files(carried.goal) == {"a": b"1", "a (2)": b"2", "f/p": b"1", "f/q": b"1", "f/p (2)": b"2"}


@pytest.mark.parametrize("conflict", ["overwrite", "newer"])
def test_a_file_never_replaces_a_folder_nor_a_folder_a_file(carried, conflict):
    make_tree(carried.origin, {"a": b"file", "b": {"x": b"1"}, "f": {"c": b"file", "d": {"x": b"1"}}, "g": b"fine"})
    make_tree(carried.goal, {"a": {"y": b"2"}, "b": b"file", "f": {"c": {"y": b"2"}, "d": b"file"}})
    before = files(carried.goal)

    with pytest.raises(PermanentError, match="not everything was copied.*and 3 more"):
        carried.copy("a", "b", "f", "g", conflict=conflict)

    assert files(carried.goal) == before | {"g": b"fine"}
    assert len(carried.said("error")) == 4


def test_what_is_of_another_kind_is_skipped_where_that_is_the_policy(carried):
    make_tree(carried.origin, {"a": b"file", "b": {"x": b"1"}, "f": {"c": b"file", "d": {"x": b"1"}}})
    make_tree(carried.goal, {"a": {"y": b"2"}, "b": b"file", "f": {"c": {"y": b"2"}, "d": b"file"}})
    before = files(carried.goal)

    assert counted(carried.copy("a", "b", "f")) == {"skipped": 4}
    assert files(carried.goal) == before


def test_links_are_told_and_neither_copied_nor_replaced(carried):
    make_tree(carried.origin, {"f": {"l": Link("/etc/passwd"), "x": b"1", "p": Fifo()}, "top": Link("f"), "y": b"2"})
    make_tree(carried.goal, {"y": Link("/etc/passwd")})

    with pytest.raises(PermanentError, match="'y': the target has a link of its name"):
        carried.copy("f", "top", "y", conflict="overwrite")

    assert os.readlink(carried.goal / "y") == "/etc/passwd"
    assert sorted(os.listdir(carried.goal / "f")) == ["x"]
    assert (
        carried.said("warning")
        == [
            "'f' is left out: 1 entries in it are neither file, folder nor link",
            "'f/l' is left out: a link",
            "'top' is left out: a link",
        ]
        or len(carried.said("warning")) == 3
    )


def test_what_is_not_there_is_told_and_the_rest_copied(carried):
    make_tree(carried.origin, {"a": b"1"})

    with pytest.raises(PermanentError, match="'gone': it is not there"):
        carried.copy("gone", "a")

    assert files(carried.goal) == {"a": b"1"}


def test_the_target_may_be_no_file(carried):
    make_tree(carried.origin, {"a": b"1"})
    make_tree(carried.goal, {"x": b"file"})

    with pytest.raises(PermanentError, match=r"the target 'x' is no folder|Not a directory"):
        carried.copy("a", target="x")
    with pytest.raises(PermanentError, match=r"the target 'x' is no folder|Not a directory"):
        carried.copy("a", target="x/y")

    assert files(carried.goal) == {"x": b"file"}


def test_patterns_of_both_sides_count(tmp_path):
    carried = Carried(tmp_path)
    carried.source = replace(carried.source, rules=Rules(exclude=["*.tmp"]))
    carried.target = replace(carried.target, rules=Rules(exclude=["/to/f/cache/"]))
    make_tree(carried.origin, {"f": {"a": b"1", "b.tmp": b"2", "cache": {"c": b"3"}}, "x.tmp": b"4"})

    assert counted(carried.copy("f", "x.tmp", target="to")) == {"copied": 1, "bytes": 1, "folders": 2, "skipped": 1}

    assert files(carried.goal) == {"to/f/a": b"1"}


def test_odd_names_are_copied(carried):
    names = [b"\xff\xfe", b"a\nb", "\u00e9".encode(), b"n" * 255, b" "]
    make_tree(carried.origin, {"f": {name: name for name in names}})

    carried.copy("f")

    assert contents(carried.goal) == contents(carried.origin)


def test_names_must_be_portable_if_asked(carried):
    make_tree(carried.origin, {"f": {"a:b": b"1", "fine": b"2", "con": {"x": b"3"}}})

    with pytest.raises(PermanentError, match="2 more|1 more"):
        carried.copy("f", portable=True)

    assert files(carried.goal) == {"f/fine": b"2"}


@pytest.mark.parametrize(
    "path", ["", "/", "/etc", "../x", "a/../b", "a//b", "a\0b", ".rota", ".rota-x/a", "a/.rota/bin"]
)
def test_paths_that_lead_elsewhere_are_refused(carried, path):
    make_tree(carried.origin, {"a": b"1"})

    with pytest.raises((PermanentError, ValidationError)):
        carried.copy("a", path)
    if path.strip("/"):
        with pytest.raises(PermanentError):
            carried.copy("a", target=path)
    assert contents(carried.goal) == {}


def test_the_selection_is_bounded():
    with pytest.raises(ValidationError, match="at most 500"):
        CopyParams(datasource="d", paths=["a"] * 501)
    with pytest.raises(ValidationError, match="at least 1"):
        CopyParams(datasource="d", paths=[])


def test_unknown_datasources_are_told(carried):
    with pytest.raises(PermanentError, match="no datasource 'nowhere'"):
        carried.copy("a", target_datasource="nowhere")


# --- Within one datasource ---------------------------------------------------------------------------------------------


@pytest.fixture
def one(tmp_path: Path) -> Carried:
    """A datasource that is source and target."""
    (tmp_path / "one").mkdir()
    datasource = Datasource(name="one", root=str(tmp_path / "one"))
    return Carried(tmp_path, source=datasource, target=datasource)


def test_a_copy_within_one_datasource(one):
    make_tree(one.origin, TREE)

    assert one.copy("folder/deep", "a.txt", target="folder/empty/new").copied == 3

    assert files(one.origin / "folder/empty/new") == {"a.txt": b"alpha", "deep/c": b"", "deep/d": b"delta"}


@pytest.mark.parametrize("target", ["folder", "folder/deep", "folder/not/there"])
def test_a_folder_does_not_go_into_itself(one, target):
    make_tree(one.origin, TREE)

    with pytest.raises(PermanentError, match="'folder': a folder cannot go into itself"):
        one.copy("folder", target=target)

    assert files(one.origin) == {
        "a.txt": b"alpha",
        "folder/b": b"beta",
        "folder/deep/c": b"",
        "folder/deep/d": b"delta",
    }


def test_a_folder_does_not_go_into_itself_by_way_of_another_datasource(tmp_path):
    outer = Datasource(name="outer", root=str(tmp_path))
    make_tree(tmp_path / "f" / "sub", {"x": b"1"})
    (tmp_path / "link").symlink_to("f")
    inner = Datasource(name="inner", root=str(tmp_path / "link" / "sub"))

    with pytest.raises(PermanentError, match="'f': a folder cannot go into itself"):
        Carried(tmp_path, source=outer, target=inner).copy("f")

    assert files(tmp_path / "f") == {"sub/x": b"1"}


def test_at_the_same_place_everything_stays(one):
    make_tree(one.origin, {"d": TREE})
    before = files(one.origin)

    for conflict in ("skip", "overwrite", "newer"):
        assert counted(one.copy("d/a.txt", "d/folder", target="d", conflict=conflict)) == {"skipped": 2}

    assert files(one.origin) == before


def test_at_the_same_place_numbers_make_copies_beside(one):
    make_tree(one.origin, {"d": {"a.txt": b"1", "f": {"x": b"2", "g": {"y": b"3"}}, "f (2)": b"taken"}})

    assert one.copy("d/a.txt", "d/f", target="d", conflict="number").copied == 3

    assert files(one.origin) == {
        "d/a.txt": b"1",
        "d/a (2).txt": b"1",
        "d/f/x": b"2",
        "d/f/g/y": b"3",
        "d/f (2)": b"taken",
        "d/f (3)/x": b"2",
        "d/f (3)/g/y": b"3",
    }
    assert one.events() == {"one": ["d"]}


def test_a_folder_is_merged_into_the_one_that_it_is_in(one):
    make_tree(one.origin, {"a": {"a": {"a": b"deep", "b": b"1"}}})

    with pytest.raises(PermanentError, match="'a/a/a': the target has a folder of its name"):
        one.copy("a/a", conflict="overwrite")

    assert files(one.origin) == {"a/a/a": b"deep", "a/a/b": b"1", "a/b": b"1"}
