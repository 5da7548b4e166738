"""The actor `mirror` between two folders."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from actors.datasources.bandwidth import Bandwidth
from actors.datasources.storage import Datasource
from actors.testing import RecordingRun
from rota.datasources import Rules
from rota.errors import Cancelled, PermanentError
from tests.integration.actors.mirrors import Mirrored, contents, drafts
from tests.trees import File, Link, make_tree

TREE = {
    "a.txt": File(b"alpha", 1_600_000_000),
    "empty": {},
    "folder": {"b": b"beta", "deep": {"c": b"", "d": b"x" * 3_000_000}},
    b"caf\xe9": b"no utf-8",
    "line\nend": {"e": b"e"},
}


@pytest.fixture
def pair(tmp_path: Path) -> Mirrored:
    return Mirrored(tmp_path)


def test_the_target_becomes_equal_and_stays_so(pair):
    make_tree(pair.origin, TREE)

    assert pair.counts() == {"copied": 6, "bytes": 3_000_018, "folders": 4}
    assert contents(pair.copy) == contents(pair.origin)
    assert (pair.copy / "a.txt").stat().st_mtime == 1_600_000_000
    assert pair.counts() == {}


def test_what_changed_is_copied_and_nothing_else(pair):
    make_tree(pair.origin, TREE)
    pair.mirror()
    (pair.origin / "folder" / "b").write_bytes(b"BETA")
    (pair.origin / "new").mkdir()
    (pair.origin / "new" / "file").write_bytes(b"new")
    os.utime(pair.origin / "a.txt", (1, 1))

    assert pair.counts() == {"copied": 3, "bytes": 4 + 3 + 5, "folders": 1}
    assert contents(pair.copy) == contents(pair.origin)
    assert pair.counts() == {}


def test_every_copy_is_read_back_unless_told_not_to(pair):
    make_tree(pair.origin, {"a": b"1", "b": b"2"})

    assert pair.mirror().verified == 2
    (pair.origin / "a").write_bytes(b"other")
    assert pair.mirror(verify=False).verified == 0


def test_what_is_gone_goes_into_the_bin_with_a_record(pair):
    make_tree(pair.origin, TREE)
    pair.mirror()
    shutil.rmtree(pair.origin / "folder")
    (pair.origin / "a.txt").unlink()

    assert pair.counts() == {"removed": 6}

    assert contents(pair.copy) == contents(pair.origin)
    assert pair.binned() == {
        b"a.txt": b"alpha",
        b"folder/b": b"beta",
        b"folder/deep/c": b"",
        b"folder/deep/d": b"x" * 3_000_000,
    }
    records = {item.original_path: item for name, item in pair.run.recycled if name == "target"}
    assert (records[b"folder"].kind, records[b"folder"].items, records[b"folder"].bytes) == ("folder", 5, 3_000_004)
    assert (records[b"a.txt"].kind, records[b"a.txt"].items, records[b"a.txt"].bytes) == ("file", 1, 5)
    assert records[b"a.txt"].deleted_at == pytest.approx(time.time() * 1000, abs=60_000)


def test_the_bin_tells_what_a_lost_database_would_have_to_know(pair):
    make_tree(pair.copy, {"sub": {"100% é.txt": b"x"}, "kept": b""})
    make_tree(pair.origin, {"sub": {}, "kept": b""})

    pair.mirror()

    [info] = (pair.copy / ".rota" / "bin").glob("*.trashinfo")
    assert info.read_text().startswith("[Trash Info]\nPath=sub/100%25%20%C3%A9.txt\nDeletionDate=2")


def test_what_is_gone_goes_for_good(pair):
    make_tree(pair.origin, TREE)
    pair.mirror()
    shutil.rmtree(pair.origin / "folder")

    assert pair.counts(deleted="remove") == {"removed": 5}

    assert contents(pair.copy) == contents(pair.origin)
    assert not (pair.copy / ".rota").exists()
    assert pair.run.recycled == []


def test_what_is_gone_stays_when_told_so(pair):
    make_tree(pair.origin, {"a": b"1"})
    make_tree(pair.copy, {"old": {"b": b"2"}})

    assert pair.counts(deleted="keep") == {"copied": 1, "bytes": 1}
    assert contents(pair.copy) == {b"a": b"1", b"old": None, b"old/b": b"2"}


@pytest.mark.parametrize("deleted", ["bin", "remove"])
def test_entries_of_another_kind_are_replaced(pair, deleted):
    make_tree(pair.origin, {"x": {"in": {"x": b"1"}}, "y": b"2", "z": b"3"})
    make_tree(pair.copy, {"x": b"file", "y": {"in": {"y": b"folder"}}, "z": Link("y")})

    assert pair.counts(deleted=deleted)["removed"] == 5

    assert contents(pair.copy) == contents(pair.origin)
    assert not (pair.copy / "z").is_symlink()
    assert pair.counts() == {}


def test_entries_of_another_kind_stay_and_are_told_when_nothing_may_go(pair):
    make_tree(pair.origin, {"x": {"in": b"1"}, "a": b"2"})
    make_tree(pair.copy, {"x": b"file"})

    with pytest.raises(PermanentError, match="'x': the target has a file where the source has a folder"):
        pair.mirror(deleted="keep")

    assert contents(pair.copy) == {b"x": b"file", b"a": b"2"}


def test_links_are_told_and_left_alone_on_both_sides(pair):
    make_tree(pair.origin, {"link": Link("/etc/passwd"), "hidden": Link("a"), "a": b"1"})
    make_tree(pair.copy, {"hidden": b"something else"})

    assert pair.counts() == {"copied": 1, "bytes": 1, "skipped": 2}

    assert contents(pair.copy) == {b"a": b"1", b"hidden": b"something else"}
    assert any("link" in line for line in pair.said("warning"))


def test_only_a_part_is_mirrored(pair):
    make_tree(pair.origin, {"one": {"two": {"a": b"1"}, "b": b"2"}, "other": b"3"})
    make_tree(pair.copy, {"one": {"old": b"stays", "two": {"old": b"goes"}}})

    assert pair.counts(path="one/two") == {"copied": 1, "bytes": 1, "removed": 1}
    assert contents(pair.copy) == {b"one": None, b"one/two": None, b"one/two/a": b"1", b"one/old": b"stays"}
    assert pair.counts(path="one/b") == {"copied": 1, "bytes": 1}
    assert pair.counts(path="one/b") == {}


def test_folders_above_a_part_are_made(pair):
    make_tree(pair.origin, {"one": {"two": {"three": {"a": b"1"}}}})

    assert pair.counts(path="one/two/three") == {"copied": 1, "bytes": 1, "folders": 3}


def test_a_part_that_is_not_there_removes_nothing(pair):
    make_tree(pair.copy, {"one": {"a": b"1"}})

    with pytest.raises(PermanentError, match="'one' is not there in the source"):
        pair.mirror(path="one")

    assert contents(pair.copy) == {b"one": None, b"one/a": b"1"}


def test_a_dry_run_counts_and_changes_nothing(pair):
    make_tree(pair.origin, TREE)
    make_tree(pair.copy, {"old": {"b": b"2"}, "a.txt": b"alphabet"})
    before = contents(pair.copy)

    foretold = pair.counts(dry_run=True)

    assert contents(pair.copy) == before
    assert not (pair.copy / ".rota").exists()
    assert pair.run.checkpoints == []
    assert pair.run.events == []
    assert foretold == pair.counts() == {"copied": 6, "bytes": 3_000_018, "folders": 4, "removed": 2}


def test_patterns_of_both_sides_protect_what_they_leave_out(tmp_path):
    (tmp_path / "s").mkdir()
    (tmp_path / "t").mkdir()
    pair = Mirrored(
        tmp_path,
        source=Datasource(name="source", root=str(tmp_path / "s"), rules=Rules(exclude=("*.tmp",))),
        target=Datasource(name="target", root=str(tmp_path / "t"), rules=Rules(exclude=("cache/",))),
    )
    make_tree(pair.origin, {"a": b"1", "x.tmp": b"no", "cache": {"b": b"no"}, "kept": {"in": b"2"}})
    make_tree(pair.copy, {"y.tmp": b"stays", "cache": {"c": b"stays"}, "gone": {"z.tmp": b"stays", "d": b"goes"}})

    assert pair.counts() == {"copied": 2, "bytes": 2, "folders": 1, "removed": 1}

    assert contents(pair.copy) == {
        b"a": b"1",
        b"kept": None,
        b"kept/in": b"2",
        b"y.tmp": b"stays",
        b"cache": None,
        b"cache/c": b"stays",
        b"gone": None,
        b"gone/z.tmp": b"stays",
    }
    assert pair.binned() == {b"gone/d": b"goes"}


def test_an_emptied_source_removes_nothing_until_confirmed(pair):
    make_tree(pair.copy, {"a": b"1", "folder": {"b": b"2"}})

    with pytest.raises(PermanentError, match="source is empty.*confirmed_deletions: 3"):
        pair.mirror()
    with pytest.raises(PermanentError, match="source is empty"):
        pair.mirror(confirmed_deletions=2)
    assert len(contents(pair.copy)) == 3

    assert pair.counts(confirmed_deletions=3) == {"removed": 3}


def test_more_than_half_gone_removes_nothing_but_copies(pair):
    make_tree(pair.origin, {"new": b"1"})
    make_tree(pair.copy, {str(n): b"" for n in range(30)})

    with pytest.raises(PermanentError, match="30 of its 30 entries are gone from the source"):
        pair.mirror()

    assert len(contents(pair.copy)) == 31
    assert pair.counts(allow_deletions=True) == {"removed": 30}


def test_a_folder_that_vanished_from_the_source_root_is_refused(pair):
    make_tree(pair.origin, TREE)
    pair.mirror()
    before = contents(pair.copy)
    shutil.rmtree(pair.origin)

    with pytest.raises(PermanentError, match="cannot be reached"):
        pair.mirror()

    assert contents(pair.copy) == before


@pytest.mark.parametrize(("source", "target"), [("a", "a"), ("a", "a/b"), ("a/b", "a"), ("a", "link")])
def test_a_storage_is_not_mirrored_into_itself(tmp_path, source, target):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "link").symlink_to("a")
    pair = Mirrored(
        tmp_path,
        source=Datasource(name="one", root=str(tmp_path / source)),
        target=Datasource(name="two", root=str(tmp_path / target)),
    )

    with pytest.raises(PermanentError, match=r"same storage|lies inside"):
        pair.mirror()


def test_an_unknown_datasource_is_named(pair):
    pair.target = Datasource(name="nowhere", root="/nowhere")

    with pytest.raises(PermanentError, match="nowhere"):
        pair.mirror(RecordingRun(datasources=[pair.source]))


def test_a_cancelled_mirror_stops_and_leaves_whole_files(pair):
    make_tree(pair.origin, {str(n): b"x" * 2_000_000 for n in range(40)})
    run = pair.new_run()
    run.on_check = lambda number: run.interrupt(Cancelled()) if contents(pair.copy) else None

    with pytest.raises(Cancelled):
        pair.mirror(run)

    there = contents(pair.copy)
    assert 0 < len(there) < 40
    assert all(len(content) == 2_000_000 for content in there.values())
    assert drafts(pair.copy) == []
    assert not any(thread.name.startswith("mirror") for thread in threading.enumerate())


@pytest.fixture
def pauses(monkeypatch):
    """Note how long each thread sleeps to keep to the bandwidth."""
    slept = Counter()

    def sleep(seconds):
        slept[threading.get_ident()] += seconds
        time.sleep(seconds)

    monkeypatch.setattr("actors.transferring.reading.Bandwidth", partial(Bandwidth, sleep=sleep))
    return slept


def test_a_waiting_mirror_is_cancelled_within_a_second(pair, pauses):
    make_tree(pair.origin, {"large": b"x" * 5_000_000})
    run = pair.new_run()
    run.on_check = lambda number: run.interrupt(Cancelled()) if pauses.total() > 0.2 else None

    with pytest.raises(Cancelled):
        pair.mirror(run, max_bytes_per_second=10_000)

    # It would sleep for minutes.
    assert pauses.total() < 1
    assert contents(pair.copy) == {}


def test_the_bandwidth_is_held(pair, pauses):
    make_tree(pair.origin, {str(n): b"x" * 300_000 for n in range(8)})
    began = time.monotonic()

    pair.mirror(max_bytes_per_second=2_000_000)

    # 2.4 MB, of which a quarter of a second's worth may pass at once.
    assert time.monotonic() - began >= 0.9
    assert max(pauses.values()) < 6


def test_a_continued_mirror_adds_to_its_counts(pair):
    make_tree(pair.origin, {"a": {"1": b"x"}, "b": {"2": b"yy"}})
    pair.mirror()
    state = pair.run.checkpoints[-1]
    (pair.origin / "b" / "3").write_bytes(b"zzz")

    assert pair.counts(run=pair.new_run(state)) == {"copied": 3, "bytes": 6, "folders": 2}


def test_the_catalog_is_told_where_the_target_changed(pair):
    make_tree(pair.origin, {"a": {"b": {"c": b"1"}}, b"\xff": {"d": b"2"}, "e": b"3"})
    pair.mirror()
    assert [(said.type, said.data) for said in pair.run.events] == [
        ("storage.changed", {"datasource": "target", "paths": [""]})
    ]

    (pair.origin / "a" / "b" / "c").write_bytes(b"11")
    pair.mirror()
    assert [said.data["paths"] for said in pair.run.events] == [["a/b"]]

    pair.mirror()
    assert pair.run.events == []


def test_progress_counts_all_entries_and_the_rate(pair):
    make_tree(pair.origin, TREE)

    pair.mirror()

    last = pair.run.reports[-1]
    assert (last.done, last.total, last.unit) == (10, 10, "entries")
    assert last.text.startswith("6 copied, 2.9 MiB at ")
