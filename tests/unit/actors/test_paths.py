from __future__ import annotations

import contextlib
import errno
import os

import pytest

from actors.datasources.openat2 import choose_opener, open_beneath, open_by_steps
from actors.datasources.paths import Root, is_private, join, path_of, split, text_of
from rota.errors import PermanentError
from tests.trees import Fifo, Link, make_tree


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", b""),
        ("/", b""),
        ("a", b"a"),
        ("a/b/", b"a/b"),
        ("ü/\n x.", "ü/\n x.".encode()),
        ("\udcff", b"\xff"),
        ("...", b"..."),
        ("~", b"~"),
        ("a\\..\\b", b"a\\..\\b"),
    ],
)
def test_paths_become_bytes(text, path):
    assert path_of(text) == path


@pytest.mark.parametrize("text", ["/a", "//a", "..", "a/..", "../a", "a/../b", ".", "a/./b", "a//b", "a\0b", "/../a"])
def test_paths_that_could_lead_elsewhere_are_refused(text):
    with pytest.raises(PermanentError):
        path_of(text)


def test_text_shows_what_it_can():
    assert text_of(b"a\xff/b") == "a\N{REPLACEMENT CHARACTER}/b"


def test_private_names():
    assert [is_private(name) for name in (b".rota", b".rota-bin", b".rotation", b".rot", b"a.rota")] == [
        True,
        True,
        False,
        False,
        False,
    ]


def test_join_and_split_are_opposites():
    for folder, name in ((b"", b"a"), (b"a", b"b"), (b"a/b", b"c")):
        assert split(join(folder, name)) == (folder, name)


@pytest.fixture
def opened(root, opener):
    make_tree(
        root,
        {
            "a": {"b": {"c": b"inside"}},
            "file": b"1",
            "up": Link(".."),
            "out": Link("../outside"),
            "abs": Link("/"),
            "self": Link("a"),
            "a2": {"out": Link("../../outside")},
        },
    )
    make_tree(root.parent / "outside", {"secret": b"outside", "folder": {}})
    with Root(str(root), opener=opener) as opened:
        yield opened


def number(call, *args):
    with pytest.raises(OSError) as raised:
        os.close(call(*args))
    return raised.value.errno


def test_folders_and_files_are_opened(opened):
    folder = opened.open_folder(b"a/b")
    file = opened.open_file(b"a/b/c")

    assert os.listdir(folder) == ["c"]
    assert os.read(file, 9) == b"inside"
    os.close(folder)
    os.close(file)


@pytest.mark.parametrize("path", [b"up", b"out", b"abs", b"self", b"out/folder", b"a2/out/folder", b"self/b"])
def test_links_are_not_followed(opened, path):
    assert number(opened.open_folder, path) in {errno.ELOOP, errno.ENOTDIR}


@pytest.mark.parametrize("path", [b"out/secret", b"self/b/c", b"up/outside/secret", b"abs/etc/passwd"])
def test_files_behind_links_are_not_opened(opened, path):
    assert number(opened.open_file, path) in {errno.ELOOP, errno.ENOTDIR}
    with pytest.raises(OSError):
        opened.stat(path)


@pytest.mark.parametrize("path", [b"..", b"../outside", b"a/../../outside", b"/etc", b"/"])
def test_nothing_leads_out(opened, path):
    assert number(opened.open_folder, path) == errno.EXDEV


def test_stat_is_of_the_link_itself(opened):
    assert opened.stat(b"out").st_ino == os.lstat(opened_path(opened, "out")).st_ino


def opened_path(opened, name):
    return f"/proc/self/fd/{opened._descriptor}/{name}"


def test_missing_folder(opened):
    assert number(opened.open_folder, b"none") == errno.ENOENT
    assert number(opened.open_folder, b"file") == errno.ENOTDIR


def test_fifo_does_not_block(root, opener):
    make_tree(root, {"pipe": Fifo()})

    with Root(str(root), opener=opener) as opened:
        os.close(opened.open_file(b"pipe"))


def test_other_file_systems_are_not_entered(opener):
    with Root("/", opener=opener) as opened:
        assert number(opened.open_folder, b"proc") == errno.EXDEV


def test_closed_root_opens_nothing(opened):
    opened.close()
    opened.close()

    assert number(opened.open_folder, b"a") == errno.EBADF


def test_paths_longer_than_the_kernel_takes(root, opener):
    name = b"n" * 250
    folder = os.open(root, os.O_PATH)
    for _ in range(40):
        os.mkdir(name, dir_fd=folder)
        below = os.open(name, os.O_PATH, dir_fd=folder)
        os.close(folder)
        folder = below
    os.close(folder)
    path = b"/".join([name] * 40)

    with Root(str(root), opener=opener) as opened:
        os.close(opened.open_folder(path))
        assert opened.stat(path).st_nlink == 2
        assert number(opened.open_folder, path + b"/none") == errno.ENOENT


def test_no_descriptor_is_left_open(opened):
    before = set(os.listdir("/proc/self/fd"))
    for path in (b"a", b"none/x", b"out/x", b"a/b/c/d", b"..", b"n/" * 3000 + b"n"):
        with contextlib.suppress(OSError):
            os.close(opened.open_folder(path))
        with contextlib.suppress(OSError):
            opened.stat(path + b"/x")

    assert set(os.listdir("/proc/self/fd")) <= before


def test_kernel_without_openat2_is_noticed(root, monkeypatch):
    """A container's filter answers EPERM, an old kernel ENOSYS."""
    for number_ in (errno.ENOSYS, errno.EPERM):

        def refuse(*args, number_=number_, **kwargs):
            raise OSError(number_, "refused")

        monkeypatch.setattr("actors.datasources.openat2.open_beneath", refuse)
        assert choose_opener(os.open(root, os.O_PATH)) is open_by_steps
    monkeypatch.undo()
    assert choose_opener(os.open(root, os.O_PATH)) is open_beneath
