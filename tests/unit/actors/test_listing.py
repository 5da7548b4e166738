from __future__ import annotations

import errno
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors.datasources.globs import Selection
from actors.datasources.listing import folders_of, make_listing, unlisted
from actors.datasources.local.storage import LocalStorage
from actors.datasources.storage import Datasource, Listing, Row, Unlisted, Why
from rota.datasources import Rules
from tests.trees import make_tree, walked

ALL = Selection()


def row(name, kind="file", size=1):
    return Row(name, kind, size, 0)


def listed(*rows, selection=ALL, special=0):
    found = make_listing(b"f", rows, selection=selection, special=special)
    return [(row.name, row.kind, row.size) for row in found.rows], found.special


def test_rows_are_sorted_by_their_bytes():
    assert listed(row(b"b"), row(b"a\xff"), row(b"a"), row(b"B"))[0] == [
        (b"B", "file", 1),
        (b"a", "file", 1),
        (b"a\xff", "file", 1),
        (b"b", "file", 1),
    ]


def test_names_that_are_none_are_special():
    assert listed(row(b""), row(b"."), row(b".."), row(b"a/b"), row(b"a\0"), row(b"..."), special=2) == (
        [(b"...", "file", 1)],
        7,
    )


def test_private_names_are_no_part_of_it():
    assert listed(row(b".rota"), row(b".rota-draft-1"), row(b".rotation")) == ([(b".rotation", "file", 1)], 0)


def test_of_several_rows_of_a_name_a_folder_or_else_the_last_is_kept():
    assert listed(row(b"a"), row(b"a", "folder", 0), row(b"a", size=3)) == ([(b"a", "folder", 0)], 2)
    assert listed(row(b"a", size=2), row(b"a", size=3)) == ([(b"a", "file", 3)], 1)


def test_globs_are_about_whole_paths():
    selection = Selection(exclude=["/f/a", "g/b"])

    assert listed(row(b"a"), row(b"b"), selection=selection) == ([(b"b", "file", 1)], 0)


def test_folders_are_told_apart():
    assert folders_of(make_listing(b"", [row(b"b", "folder"), row(b"a"), row(b"c", "link")], selection=ALL)) == [b"b"]


@pytest.mark.parametrize(
    ("number", "why"),
    [
        (errno.ENOENT, Why.VANISHED),
        (errno.ENOTDIR, Why.VANISHED),
        (errno.ELOOP, Why.VANISHED),
        (errno.EXDEV, Why.FOREIGN),
        (errno.EACCES, Why.FAILED),
        (errno.EIO, Why.FAILED),
        (0, Why.FAILED),
    ],
)
def test_error_numbers_say_why(number, why):
    assert unlisted(b"f", number, "so") == Unlisted(path=b"f", why=why, reason="so")


globs = st.lists(st.sampled_from(["a*", "*b", "[a-m]*", "sub/", "/a/**", "**/x", "?", "é*"]), max_size=2)
names = st.sampled_from(
    ["a", "ab", "b", "x", "é", "m\n", "\udcff", ".rota", ".rota-x", ".rotation", ".x", "sub", "z" * 255]
)
trees = st.dictionaries(
    names, st.one_of(st.binary(max_size=3), st.just({}), st.just({"x": b"", "ab": b"1"})), max_size=8
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(tree=trees, include=globs, exclude=globs)
def test_local_folders_are_listed_as_the_common_function_does(tmp_path_factory, tree, include, exclude):
    root = tmp_path_factory.mktemp("root")
    make_tree(root, tree)
    rules = Rules(include=tuple(include), exclude=tuple(exclude))
    storage = LocalStorage(Datasource(name="files", root=str(root), rules=rules))
    seen = walked(root)

    for folder in (b"", b"sub"):
        found = storage.list_folder(folder)
        if isinstance(found, Listing):
            rows = [
                Row(os.path.basename(path), one.kind.value, one.size, one.modified_ns, one.inode, os.stat(root).st_dev)
                for path, one in seen.items()
                if os.path.dirname(path) == folder
            ]
            expected = make_listing(folder, rows, selection=Selection.of(rules), token=found.token)
            assert found == expected
    storage.close()
