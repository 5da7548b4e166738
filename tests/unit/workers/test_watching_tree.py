"""A watched tree, on real folders: what is told of what happens in it."""

from __future__ import annotations

import errno
import logging
import os
import select
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from actors.datasources.globs import Selection
from workers.watching_inotify import Inotify, OutOfWatches
from workers.watching_tree import WatchedTree

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "a" / "deep").mkdir(parents=True)
    (root / "b").mkdir()
    return root


@pytest.fixture
def watch(root: Path) -> Iterator[Callable[..., WatchedTree]]:
    made: list[WatchedTree] = []

    def watch(**globs: tuple[str, ...]) -> WatchedTree:
        made.append(WatchedTree("docs", str(root), Selection(**globs)))
        return made[-1]

    yield watch
    for tree in made:
        tree.close()


def told(tree: WatchedTree) -> set[bytes]:
    """All that is told of what has happened by now."""
    found: set[bytes] = set()
    while select.select([tree.descriptor], [], [], 0)[0]:
        found |= tree.changes()
    return found


def held() -> list[str]:
    """What this process has open."""
    found = []
    for link in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found.append(os.readlink(link))
    return sorted(found)


def said(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """What was logged by what watches, and not by other threads of these tests."""
    return [record for record in caplog.records if record.name.startswith("workers.")]


def test_files_that_come_change_and_go_are_told(root, watch):
    tree = watch()

    (root / "a" / "deep" / "new.txt").write_text("x")
    assert told(tree) == {b"a/deep/new.txt"}
    os.utime(root / "a" / "deep" / "new.txt", (1, 1))
    assert told(tree) == {b"a/deep/new.txt"}
    (root / "a" / "deep" / "new.txt").unlink()
    assert told(tree) == {b"a/deep/new.txt"}
    (root / "b" / "link").symlink_to("nowhere")
    assert told(tree) == {b"b/link"}


def test_both_ends_of_a_rename_are_told(root, watch):
    (root / "a" / "old").write_text("x")
    tree = watch()

    (root / "a" / "old").rename(root / "b" / "new")

    assert told(tree) == {b"a/old", b"b/new"}


def test_reading_tells_nothing(root, watch):
    (root / "a" / "file").write_text("x")
    tree = watch()

    (root / "a" / "file").read_text()
    list((root / "a").iterdir())

    assert told(tree) == set()


def test_what_happens_in_a_new_folder_is_told_and_the_folder_itself(root, watch):
    tree = watch()

    (root / "new" / "below").mkdir(parents=True)
    (root / "new" / "below" / "early").write_text("x")
    assert b"new" in told(tree)
    (root / "new" / "below" / "late").write_text("x")

    assert told(tree) == {b"new/below/late"}


def test_a_moved_folder_is_watched_under_its_new_path(root, watch):
    tree = watch()
    before = tree.folders

    (root / "a").rename(root / "b" / "moved")
    assert told(tree) == {b"a", b"b/moved"}
    (root / "b" / "moved" / "deep" / "file").write_text("x")

    assert told(tree) == {b"b/moved/deep/file"}
    assert tree.folders == before


def test_a_folder_that_moves_twice_before_anybody_looks_is_watched_where_it_is(root, watch):
    tree = watch()

    (root / "a").rename(root / "b" / "first")
    (root / "b" / "first").rename(root / "second")
    assert b"second" in told(tree)
    (root / "second" / "deep" / "file").write_text("x")

    assert told(tree) == {b"second/deep/file"}


def test_a_folder_that_is_moved_out_is_not_watched_any_more(root, watch, tmp_path):
    tree = watch()

    (root / "a").rename(tmp_path / "out")
    assert told(tree) == {b"a"}
    (tmp_path / "out" / "deep" / "file").write_text("x")

    assert told(tree) == set()
    assert tree.folders == 2


def test_deleted_folders_leave_no_watches(root, watch):
    tree = watch()

    shutil.rmtree(root / "a")

    assert b"a" in told(tree)
    assert tree.folders == 2


def test_links_lead_nowhere(root, watch, tmp_path):
    outside = tmp_path / "outside"
    (outside / "deep").mkdir(parents=True)
    (root / "before").symlink_to(outside)
    tree = watch()
    (root / "after").symlink_to(outside)
    assert told(tree) == {b"after"}

    (outside / "deep" / "secret").write_text("x")
    (outside / "secret").write_text("x")

    assert told(tree) == set()


def test_excluded_and_private_names_are_not_told_nor_entered(root, watch):
    (root / "cache" / "deep").mkdir(parents=True)
    (root / ".rota").mkdir()
    tree = watch(exclude=("cache/", "*.tmp"))
    assert tree.folders == 4

    for name in ("cache/deep/x", "a/x.tmp", ".rota/x", "a/.rota-draft-1"):
        (root / name).write_text("x")
    (root / "b" / "cache").mkdir()
    assert told(tree) == set()
    (root / "a" / "x.txt").write_text("x")

    assert told(tree) == {b"a/x.txt"}


def test_only_included_files_are_told(root, watch):
    tree = watch(include=("*.txt",))

    (root / "a" / "x.log").write_text("x")
    (root / "a" / "x.txt").write_text("x")

    assert told(tree) == {b"a/x.txt"}


def test_names_are_told_as_the_bytes_they_are(root, watch):
    tree = watch()

    for name in (b"\xff.txt", b"two\nlines", "é".encode()):
        (root / os.fsdecode(name)).write_text("x")
    (root / os.fsdecode(b"\xfe")).mkdir()
    told(tree)
    (root / os.fsdecode(b"\xfe") / "below").write_text("x")

    assert told(tree) == {b"\xfe/below"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look into everything")
def test_a_folder_that_opens_up_is_told_and_watched(root, watch):
    (root / "a").chmod(0)
    tree = watch()
    try:
        assert tree.folders == 2
    finally:
        (root / "a").chmod(0o700)
    assert told(tree) == {b"a"}
    (root / "a" / "deep" / "file").write_text("x")

    assert told(tree) == {b"a/deep/file"}


def test_other_modes_and_times_of_folders_tell_nothing(root, watch):
    tree = watch()

    (root / "a").chmod(0o700)
    os.utime(root / "a" / "deep", (1, 1))
    os.utime(root, (1, 1))

    assert told(tree) == set()


@pytest.mark.parametrize("how", ["removed", "renamed"])
def test_a_root_that_vanishes_is_not_in_place(root, watch, tmp_path, how):
    tree = watch()

    if how == "removed":
        shutil.rmtree(root)
    else:
        root.rename(tmp_path / "elsewhere")
    told(tree)

    assert not tree.in_place()


def test_a_watched_root_is_not_held_open(root, watch):
    watch()

    assert str(root) not in held()


def test_another_folder_in_the_place_of_the_root_is_noticed(root, watch, tmp_path):
    tree = watch()
    assert tree.in_place()

    root.rename(tmp_path / "elsewhere")
    root.mkdir()

    assert not tree.in_place()


def test_a_root_that_is_made_anew_with_the_same_inode_is_noticed(root, watch):
    shutil.rmtree(root / "a")
    shutil.rmtree(root / "b")
    tree = watch()
    inode = root.stat().st_ino

    def again() -> bool:
        root.rmdir()
        root.mkdir()
        return root.stat().st_ino == inode

    if not any(again() for _ in range(50)):
        pytest.skip("this file system does not use the number of a removed folder again")
    told(tree)

    assert not tree.in_place()


def test_a_tree_deeper_than_the_stack_is_watched_to_its_end(root, watch):
    folder = os.open(root, os.O_RDONLY)
    for _ in range(1_200):
        os.mkdir("d", dir_fd=folder)
        below = os.open("d", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = below
    tree = watch()

    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=folder))
    os.close(folder)

    assert told(tree) == {b"d/" * 1_200 + b"file"}
    # Nothing that walks by recursion could clear this away.
    subprocess.run(["rm", "-rf", root / "d"], check=True)


def test_a_folder_that_cannot_be_read_through_does_not_end_the_watching(root, watch, monkeypatch):
    real = os.scandir

    def failing(folder: int) -> object:
        if os.readlink(f"/proc/self/fd/{folder}").endswith("/a"):
            raise OSError(errno.EIO, "input/output error")
        return real(folder)

    monkeypatch.setattr(os, "scandir", failing)
    tree = watch()
    (root / "b" / "file").write_text("x")

    assert told(tree) == {b"b/file"}


def test_a_root_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        WatchedTree("docs", str(tmp_path / "nowhere"), Selection())


def test_a_queue_that_overflows_tells_of_everything_and_watches_on(root, watch, caplog):
    tree = watch()
    most = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())

    # Two names in turn, because equal notices one after the other count as one.
    for _ in range(most // 2 + 10):
        os.utime(root / "a" / "deep", (1, 1))
        os.utime(root / "b", (1, 1))
    (root / "a" / "lost").mkdir()
    assert b"" in told(tree)
    assert [record.getMessage() for record in said(caplog)] == ["watch.overflow"]
    (root / "a" / "lost" / "file").write_text("x")

    assert told(tree) == {b"a/lost/file"}


def test_a_tree_without_enough_watches_says_so_once_and_is_completed_later(root, watch, caplog, monkeypatch):
    real, left = Inotify.watch, [2]

    def limited(self: Inotify, folder: int) -> int:
        left[0] -= 1
        if left[0] < 0:
            raise OutOfWatches(28, "no space left")
        return real(self, folder)

    monkeypatch.setattr(Inotify, "watch", limited)
    tree = watch()
    assert tree.partial
    assert tree.complete() == set()
    (record,) = said(caplog)
    assert record.getMessage() == "watch.limit"
    assert "fs.inotify.max_user_watches" in record.advice

    left[0] = 1000
    assert tree.complete() == {b""}
    (root / "a" / "deep" / "file").write_text("x")

    assert not tree.partial
    assert told(tree) == {b"a/deep/file"}


def test_what_changes_while_a_partial_tree_is_tried_again_is_told(root, watch, monkeypatch):
    real, left = Inotify.watch, [2]

    def limited(self: Inotify, folder: int) -> int:
        left[0] -= 1
        if left[0] < 0:
            raise OutOfWatches(28, "no space left")
        return real(self, folder)

    monkeypatch.setattr(Inotify, "watch", limited)
    tree = watch()
    (root / "before").write_text("x")

    left[0] = 2
    assert tree.complete() == set()

    assert tree.partial
    assert told(tree) == {b"before"}


def test_a_new_folder_for_which_there_is_no_watch_is_told_by_itself(root, watch, monkeypatch):
    tree = watch()

    def none_left(self: Inotify, folder: int) -> int:
        raise OutOfWatches(28, "no space left")

    monkeypatch.setattr(Inotify, "watch", none_left)
    (root / "a" / "new").mkdir()

    assert told(tree) == {b"a/new"}
    assert tree.partial


def test_a_tree_holds_no_descriptors_once_it_is_closed(root):
    def opened() -> list[str]:
        # Other threads of these tests open and close what is none of ours.
        return [place for place in held() if "inotify" in place or place.startswith(str(root))]

    before = opened()
    tree = WatchedTree("docs", str(root), Selection())
    assert len(opened()) == len(before) + 1
    tree.close()
    tree.close()

    assert opened() == before
