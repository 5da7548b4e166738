"""The actor `mirror` on storages that fail, lie, or change while it works."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from actors.datasources.storage import Capabilities, Unlisted, Why
from rota.errors import Cancelled, PermanentError, TemporaryError
from tests.integration.actors.mirrors import Mirrored, contents, drafts
from tests.integration.actors.pair import MakeFaulty, faulty_in
from tests.trees import File, make_tree


@pytest.fixture
def pair(tmp_path: Path) -> Mirrored:
    return Mirrored(tmp_path)


@pytest.fixture
def make_faulty(monkeypatch: pytest.MonkeyPatch) -> MakeFaulty:
    return faulty_in("actors.mirror", monkeypatch)


def test_a_target_that_damages_what_it_keeps_is_found_out(pair, make_faulty):
    make_tree(pair.origin, {"a": b"content", "b": b"fine"})

    def write(real, path, pieces, **options):
        row = real.write(path, pieces, **options)
        if path == b"a":
            with open(pair.copy / "a", "r+b") as file:
                file.write(b"C")
            os.utime(pair.copy / "a", ns=(row.modified_ns, row.modified_ns))
        return row

    make_faulty("target", write=write)
    with pytest.raises(TemporaryError, match="'a'.*damaged.*read back is not what was sent"):
        pair.mirror()

    assert contents(pair.copy) == {b"b": b"fine"}


def test_a_target_that_cuts_files_is_found_out_without_verification(pair, make_faulty):
    make_tree(pair.origin, {"a": b"content"})
    make_faulty("target", write=lambda real, path, pieces, **options: real.write(path, [next(pieces)[:3]], **options))

    with pytest.raises(TemporaryError, match="3 of 7 bytes arrived"):
        pair.mirror(verify=False)

    assert contents(pair.copy) == {}


def test_damage_that_happens_once_is_repaired(pair, make_faulty):
    make_tree(pair.origin, {"a": b"content"})
    damaged: list[bytes] = []

    def write(real, path, pieces, **options):
        if damaged:
            return real.write(path, pieces, **options)
        damaged.append(path)
        return real.write(path, [b"Content" for _ in pieces], **options)

    make_faulty("target", write=write)

    assert pair.mirror().copied == 1
    assert contents(pair.copy) == {b"a": b"content"}


def test_a_file_that_changes_while_it_is_read_is_copied_as_it_is_then(pair, make_faulty):
    make_tree(pair.origin, {"a": b"x" * 3_000_000})
    opened: list[bytes] = []

    def open_file(real, path):
        file = real.open_file(path)
        if not opened:
            with open(pair.origin / "a", "r+b") as changing:
                changing.write(b"y" * 3_000_000)
            os.utime(pair.origin / "a", (5, 5))
        opened.append(path)
        return file

    make_faulty("source", open_file=open_file)

    assert pair.mirror().copied == 1
    assert contents(pair.copy) == {b"a": b"y" * 3_000_000}
    assert len(opened) == 2


@pytest.mark.parametrize("change", ["touched", "shorter", "longer"])
def test_a_file_that_never_rests_is_told_and_never_half_copied(pair, make_faulty, change):
    make_tree(pair.origin, {"a": b"x" * 3_000_000, "b": b"calm"})
    make_tree(pair.copy, {"a": b"old"})
    times = iter(range(1, 99))

    def open_file(real, path):
        file = real.open_file(path)
        if path == b"a":
            n = next(times)
            with open(pair.origin / "a", "r+b") as changing:
                changing.truncate({"touched": 3_000_000, "shorter": 3_000_000 - n, "longer": 3_000_000 + n}[change])
            os.utime(pair.origin / "a", (n, n))
        return file

    make_faulty("source", open_file=open_file)
    with pytest.raises(TemporaryError, match="'a'.*(changed while it was read|another length)"):
        pair.mirror()

    assert contents(pair.copy) == {b"a": b"old", b"b": b"calm"}
    assert drafts(pair.copy) == []


def test_a_file_that_vanishes_is_left_to_the_next_run(pair, make_faulty):
    make_tree(pair.origin, {"a": b"1", "b": b"2"})

    def open_file(real, path):
        (pair.origin / "a").unlink(missing_ok=True)
        return real.open_file(path)

    make_faulty("source", open_file=open_file)
    pair.mirror()

    assert b"a" not in contents(pair.copy) or pair.counts() == {"removed": 1}
    assert contents(pair.copy) == {b"b": b"2"}


def test_a_folder_that_cannot_be_listed_removes_nothing_anywhere(pair, make_faulty):
    make_tree(pair.origin, {"a": {"x": b"1"}, "b": {"y": b"2"}})
    pair.mirror()
    (pair.origin / "b" / "y").unlink()
    (pair.origin / "b" / "new").write_bytes(b"3")

    def list_folder(real, path):
        if path == b"a":
            return Unlisted(path=path, why=Why.FAILED, reason="Permission denied")
        return real.list_folder(path)

    make_faulty("source", list_folder=list_folder)
    with pytest.raises(PermanentError, match="'a': cannot be listed in the source: Permission denied"):
        pair.mirror()

    assert contents(pair.copy) == {
        b"a": None,
        b"a/x": b"1",
        b"b": None,
        b"b/y": b"2",
        b"b/new": b"3",
    }


@pytest.mark.parametrize("why", [Why.FOREIGN, Why.VANISHED])
def test_a_folder_on_another_file_system_or_gone_keeps_its_copy(pair, make_faulty, why):
    make_tree(pair.origin, {"a": {"x": b"1"}, "b": b"2"})
    pair.mirror()
    (pair.origin / "b").unlink()

    def list_folder(real, path):
        return Unlisted(path=path, why=why, reason="somewhere else") if path == b"a" else real.list_folder(path)

    make_faulty("source", list_folder=list_folder)

    assert pair.counts() == {"removed": 1, "skipped": 1}
    assert contents(pair.copy) == {b"a": None, b"a/x": b"1"}


def test_a_source_that_goes_away_while_it_is_listed_removes_nothing(pair, make_faulty):
    make_tree(pair.origin, {str(n): b"" for n in range(5)})
    pair.mirror()
    (pair.origin / "1").unlink()
    verified: list[int] = []

    def verify(real):
        verified.append(1)
        if len(verified) == 2:
            raise PermanentError("another folder took the place of its root")

    make_faulty("source", verify=verify)
    with pytest.raises(PermanentError, match="took the place"):
        pair.mirror()

    assert len(contents(pair.copy)) == 5


def test_what_came_back_is_not_removed(pair, make_faulty):
    make_tree(pair.origin, {"a": b"1", "b": b"2"})
    pair.mirror()
    (pair.origin / "a").unlink()
    verified: list[int] = []

    def verify(real):
        verified.append(1)
        if len(verified) == 2:
            (pair.origin / "a").write_bytes(b"1")
        real.verify()

    make_faulty("source", verify=verify)

    assert pair.counts() == {}
    assert contents(pair.copy) == {b"a": b"1", b"b": b"2"}


def test_one_bad_file_does_not_stop_the_rest_but_the_removals(pair, make_faulty):
    make_tree(pair.origin, {"good": b"1", "bad": b"2"})
    make_tree(pair.copy, {"old": b"stays"})

    def open_file(real, path):
        if path == b"bad":
            raise PermissionError(errno.EACCES, "Permission denied")
        return real.open_file(path)

    make_faulty("source", open_file=open_file)
    with pytest.raises(PermanentError, match="'bad': Permission denied"):
        pair.mirror()

    assert contents(pair.copy) == {b"good": b"1", b"old": b"stays"}
    assert pair.said("error") == ["'bad': Permission denied"]


def test_a_target_without_room_ends_at_once(pair, make_faulty):
    make_tree(pair.origin, {str(n): b"x" for n in range(100)})
    tried: list[bytes] = []

    def write(real, path, pieces, **options):
        tried.append(path)
        raise OSError(errno.ENOSPC, "No space left on device")

    make_faulty("target", write=write)
    with pytest.raises(PermanentError, match="takes no more: No space left"):
        pair.mirror()

    assert len(tried) < 50


def test_a_storage_that_fails_file_after_file_is_given_up_for_now(pair, make_faulty):
    make_tree(pair.origin, {str(n): b"x" for n in range(200)})
    tried: list[bytes] = []

    def open_file(real, path):
        tried.append(path)
        raise TemporaryError("the service is busy")

    make_faulty("source", open_file=open_file)
    with pytest.raises(TemporaryError, match=r"2\d files in a row failed"):
        pair.mirror()

    assert len(tried) < 100


def test_an_entry_that_cannot_be_moved_into_the_bin_stays_and_is_told(pair, make_faulty):
    make_tree(pair.origin, {"a": b"1"})
    make_tree(pair.copy, {"a": b"1", "b": b"2", "c": b"3"})
    shutil.copystat(pair.origin / "a", pair.copy / "a")

    def rename(real, path, target):
        if path == b"b":
            raise PermissionError(errno.EPERM, "Operation not permitted")
        real.rename(path, target)

    make_faulty("target", rename=rename)
    with pytest.raises(PermanentError, match="'b': Operation not permitted"):
        pair.mirror()

    assert contents(pair.copy) == {b"a": b"1", b"b": b"2"}
    assert [item.original_path for _, item in pair.run.recycled] == [b"c"]
    assert len(os.listdir(pair.copy / ".rota" / "bin")) == 2


@pytest.fixture
def timeless(pair: Mirrored, make_faulty: Callable[..., None]) -> list[bytes]:
    """Makes the target one that gives files the time of their upload; gives the files that are read on either side."""
    read: list[bytes] = []

    def open_file(real, path):
        if not path.startswith(b".rota"):
            read.append(path)
        return real.open_file(path)

    def write(real, path, pieces, *, modified_ns=None, **options):
        return real.write(path, pieces, **options)

    make_faulty("source", open_file=open_file)
    make_faulty("target", open_file=open_file, write=write, capabilities=Capabilities(keeps_modified=False))
    return read


def test_where_times_are_not_kept_copies_are_remembered(pair, timeless):
    make_tree(pair.origin, {"a": {"b": b"1", "c": b"2"}, "d": b"3"})

    assert pair.mirror(verify=False).copied == 3
    timeless.clear()

    assert pair.counts() == {}
    assert timeless == []


def test_where_times_are_not_kept_changes_of_equal_size_are_found(pair, timeless):
    make_tree(pair.origin, {"a": {"b": b"1", "c": b"2"}, "d": b"3"})
    pair.mirror()

    (pair.origin / "a" / "b").write_bytes(b"9")
    (pair.copy / "d").write_bytes(b"9")

    assert pair.counts() == {"copied": 2, "bytes": 2}
    assert contents(pair.copy) == contents(pair.origin)


@pytest.mark.parametrize("damage", [shutil.rmtree, lambda path: [each.write_bytes(b"\xc1") for each in path.iterdir()]])
def test_a_lost_memory_costs_reading_and_no_copy(pair, timeless, damage):
    make_tree(pair.origin, {"a": {"b": b"1", "c": b"2"}, "d": b"3"})
    pair.mirror()
    damage(pair.copy / ".rota" / "mirror")
    timeless.clear()

    assert pair.counts() == {}
    assert sorted(timeless) == [b"a/b", b"a/b", b"a/c", b"a/c", b"d", b"d"]

    timeless.clear()
    assert pair.counts() == {}
    assert timeless == []


def test_a_large_folder_is_remembered_before_it_is_done(pair, timeless):
    make_tree(pair.origin, {str(n): b"1" for n in range(1500)})
    run = pair.new_run()
    run.on_check = lambda number: run.interrupt(Cancelled()) if len(os.listdir(pair.copy)) > 1300 else None
    with pytest.raises(Cancelled):
        pair.mirror(run, verify=False)
    there = len(contents(pair.copy))
    timeless.clear()

    assert pair.mirror(verify=False).copied == 1500 - there
    # Those that were remembered were not read.
    assert len(timeless) < 1500 - there + 2 * (there - 1000) + 1


def test_mirroring_one_file_keeps_what_is_remembered_of_the_others(pair, timeless):
    make_tree(pair.origin, {"a": {"b": b"1", "c": b"2"}})
    pair.mirror()
    (pair.origin / "a" / "b").write_bytes(b"9")
    assert pair.counts(path="a/b") == {"copied": 1, "bytes": 1}
    timeless.clear()

    assert pair.counts() == {}
    assert timeless == []


def test_what_is_compared_and_found_equal_is_no_change_of_the_target(pair, timeless):
    make_tree(pair.origin, {"a": b"1"})
    make_tree(pair.copy, {"a": b"1"})

    assert pair.counts() == {}
    assert timeless == [b"a", b"a"]
    assert pair.run.events == []


def test_a_file_system_that_rounds_times_is_not_copied_to_again_and_again(pair, make_faulty):
    make_tree(pair.origin, {"a": File(b"1", 1_600_000_001.5)})

    def write(real, path, pieces, *, modified_ns=None, **options):
        rounded = None if modified_ns is None else modified_ns // 2_000_000_000 * 2_000_000_000
        return real.write(path, pieces, modified_ns=rounded, **options)

    make_faulty("target", write=write)

    assert pair.mirror().copied == 1
    assert pair.counts() == {}


def test_a_storage_that_moves_no_folders_gets_their_files_into_the_bin_one_by_one(pair, make_faulty):
    make_tree(pair.origin, {"a": b"1"})
    make_tree(pair.copy, {"old": {"x": b"xx", "deep": {"y": b"yyy", "z": b""}, "empty": {}}})

    def rename(real, path, target):
        assert not (pair.copy / os.fsdecode(path)).is_dir()
        real.rename(path, target)

    make_faulty("target", rename=rename, capabilities=Capabilities(moves=False))

    assert pair.counts() == {"copied": 1, "bytes": 1, "removed": 6}
    assert contents(pair.copy) == {b"a": b"1"}
    assert pair.binned() == {b"old/x": b"xx", b"old/deep/y": b"yyy", b"old/deep/z": b""}
    [(_, item)] = pair.run.recycled
    assert (item.kind, item.items, item.bytes) == ("folder", 4, 5)
