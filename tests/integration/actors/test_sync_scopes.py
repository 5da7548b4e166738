"""Syncs of parts of a datasource."""

from __future__ import annotations

import os
import shutil

import pytest

from actors.sync import SyncParams
from actors.syncing.scope import collapse, common_parent
from rota.errors import PermanentError
from tests.trees import make_tree, walked


def test_sync_of_a_folder_leaves_the_rest_alone(filled):
    make_tree(filled.root, {"a": {"new": b""}, "b": {"new": b""}})

    assert filled.changes(path="a") == {"created": 1}
    assert filled.changes() == {"created": 1}
    assert filled.is_exact()


def test_sync_of_a_new_deep_path_brings_its_parents(filled):
    make_tree(filled.root, {"p": {"q": {"r": {"s": b""}}, "other": b""}})

    assert filled.changes(path="p/q/r") == {"created": 4}
    assert set(filled.known()) >= {b"p", b"p/q", b"p/q/r", b"p/q/r/s"}
    assert filled.changes() == {"created": 1}
    assert filled.is_exact()


def test_sync_of_one_file(filled):
    (filled.root / "a" / "x").write_bytes(b"longer")
    (filled.root / "a" / "y").write_bytes(b"longer")

    assert filled.changes(path="a/x") == {"updated": 1}
    assert filled.changes() == {"updated": 1}


def test_sync_of_a_path_that_is_gone(filled):
    shutil.rmtree(filled.root / "a")

    assert filled.changes(path="a/deep") == {"deleted": 5}
    assert filled.known() == walked(filled.root)
    assert filled.changes() == {}
    assert filled.is_exact()


def test_sync_of_a_path_behind_a_link_stays_inside(filled):
    filled.sync(path="link/passwd")

    assert not any(path.startswith(b"link/") for path in filled.known())


@pytest.mark.parametrize("path", ["../outside", "/etc", "a/../..", ".rota-bin/x", "a\0b"])
def test_sync_of_a_path_that_is_none_is_refused(filled, path):
    with pytest.raises(PermanentError):
        filled.sync(path=path)


def test_path_needs_the_name_of_a_datasource():
    with pytest.raises(ValueError, match="one datasource"):
        SyncParams(path="a")


def test_nested_lists_of_paths_are_taken_apart():
    params = SyncParams(datasource="files", paths=[["a", ["b/c"]], "d", ()])

    assert params.paths == ("a", "b/c", "d")
    assert params.scope_paths() == (b"a", b"b/c", b"d")


def test_paths_below_others_are_dropped():
    params = SyncParams(datasource="files", path="a", paths=["a/b", "a-b", "a/b/c", "x/y", "a"])

    assert params.scope_paths() == (b"a", b"a-b", b"x/y")
    assert SyncParams(datasource="files", paths=["a", "/"]).scope_paths() == (b"",)
    assert SyncParams().scope_paths() == (b"",)


def test_too_many_paths_become_the_folders_they_are_in():
    deep = [b"d%d/e/%d" % (n % 3, n) for n in range(100)]

    assert collapse([*deep, b"other"], most=10) == (b"d0/e", b"d1/e", b"d2/e", b"other")
    assert collapse(deep, most=1) == (b"",)


def test_a_part_of_several_paths_has_a_common_top():
    assert common_parent([b"a/b/c", b"a/b/d/e"]) == b"a/b"
    assert common_parent([b"a/b", b"a-b"]) == b""
    assert common_parent([b"a/b"]) == b"a/b"


def test_rename_between_two_paths_is_one_move(filled):
    (filled.root / "a" / "x").rename(filled.root / "b" / "x")
    make_tree(filled.root, {"elsewhere": b""})

    assert filled.changes(paths=["a", "b"]) == {"moved": 1}
    assert filled.changes() == {"created": 1}
    assert filled.is_exact()


def test_rename_of_a_file_by_its_paths_is_one_move(filled):
    (filled.root / "file").rename(filled.root / "renamed")

    assert filled.changes(paths=["file", "renamed"]) == {"moved": 1}
    assert filled.changes() == {}
    assert filled.is_exact()


def test_paths_that_share_a_way_bring_it_once(filled):
    make_tree(filled.root, {"p": {"q": {"one": {"x": b""}, "two": {"y": b""}}}})

    assert filled.changes(paths=["p/q/one", "p/q/two", "p/q/three"]) == {"created": 6}
    assert filled.changes() == {}
    assert filled.is_exact()


def test_paths_below_a_gone_folder_are_gone_with_it(filled):
    shutil.rmtree(filled.root / "a")

    assert filled.changes(paths=["a/deep", "a/x"]) == {"deleted": 5}
    assert filled.known() == walked(filled.root)
    assert filled.changes() == {}
    assert filled.is_exact()


def test_path_behind_what_is_no_folder_any_more(filled):
    shutil.rmtree(filled.root / "a")
    make_tree(filled.root, {"a": b"file"})

    assert filled.changes(path="a/deep") == {"updated": 1, "deleted": 4}
    assert filled.known() == walked(filled.root)
    assert filled.changes() == {}
    assert filled.is_exact()


def test_content_that_went_back_to_what_a_digest_says_is_noticed(filled):
    """A part that is synced may leave its folder's digest believed, although a row in it is not what it was."""
    file = filled.root / "file"
    before = file.stat()
    file.write_bytes(b"55555")
    filled.sync(path="file")
    file.write_bytes(b"4444")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert filled.changes() == {"updated": 1}
    assert filled.is_exact()
