"""What a sync finds, writes and tells."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from actors.datasources.storage import Datasource
from actors.sync import SyncParams, sync
from actors.testing import RecordingRun
from rota.clock import ManualClock, SystemClock
from rota.errors import PermanentError
from tests.integration.actors.conftest import TREE
from tests.replay import replay
from tests.trees import Fifo, Link, make_tree


def test_first_sync_fills_the_catalog(synced):
    make_tree(synced.root, TREE | {"pipe": Fifo(), ".rota-bin": {"old": b""}})

    result = synced.sync()

    assert (result.created, result.entries, result.bytes) == (9, 9, 13)
    shutil.rmtree(synced.root / ".rota-bin")
    assert synced.is_exact()


def test_unchanged_tree_is_neither_read_nor_written_nor_announced(filled):
    catalog = filled.watched()

    result = filled.sync(filled.new_run(catalog=catalog))

    assert (result.entries, result.bytes, result.created + result.updated + result.deleted) == (9, 13, 0)
    assert (catalog.read, catalog.applied) == ([], [])
    assert [event.type for event in filled.run.events] == ["datasource.synced"]


def test_changes_are_found_counted_and_told(filled):
    before = filled.known()
    make_tree(filled.root, {"new": b"", "b": {"new": b"1"}})
    (filled.root / "file").write_bytes(b"55555")
    (filled.root / "a" / "x").unlink()
    (filled.root / "a" / "y").rename(filled.root / "b" / "moved")

    assert filled.changes() == {"created": 2, "updated": 1, "moved": 1, "deleted": 1}
    assert filled.is_exact()
    told = replay({path: seen[:2] for path, seen in before.items()}, filled.run.events)
    assert told == {path: seen[:2] for path, seen in filled.known().items()}


def test_end_is_announced_with_counts(filled):
    last = filled.run.events[-1]

    assert (last.type, last.subject) == ("datasource.synced", "files")
    measured = {last.data.pop("duration_ms"), last.data.pop("entries_per_second")}
    assert all(isinstance(each, int) for each in measured)
    assert last.data == {
        "datasource": "files",
        "path": "",
        "changed": True,
        "created": 9,
        "updated": 0,
        "deleted": 0,
        "moved": 0,
        "entries": 9,
        "bytes": 13,
    }


def test_folder_that_moves_takes_everything_along(filled):
    (filled.root / "a").rename(filled.root / "b" / "moved")

    assert filled.changes() == {"moved": 5}
    assert filled.is_exact()
    assert filled.changes() == {}


def test_folder_that_moves_into_a_new_one(filled):
    make_tree(filled.root, {"new": {"deeper": {}}})
    (filled.root / "a").rename(filled.root / "new" / "deeper" / "a")

    assert filled.changes() == {"created": 2, "moved": 5}
    assert filled.is_exact()


def test_removed_folder_takes_everything_along(filled):
    shutil.rmtree(filled.root / "a")

    assert filled.changes() == {"deleted": 5}
    assert filled.is_exact()
    assert filled.changes() == {}


def test_names_that_are_swapped(filled):
    make_tree(filled.root, {"c": {"x": b"other"}})
    filled.sync()
    for one, other in (("a", "swap"), ("c", "a"), ("swap", "c")):
        (filled.root / one).rename(filled.root / other)

    filled.sync()

    assert filled.is_exact()


def test_folder_that_becomes_a_file_and_back(filled):
    shutil.rmtree(filled.root / "a")
    make_tree(filled.root, {"a": b"file now"})

    assert filled.changes() == {"updated": 1, "deleted": 4}
    assert filled.is_exact()
    (filled.root / "a").unlink()
    make_tree(filled.root, {"a": {"again": b""}})
    assert filled.changes() == {"updated": 1, "created": 1}
    assert filled.is_exact()


def test_folder_that_becomes_a_link_is_not_followed(filled):
    shutil.rmtree(filled.root / "a")
    make_tree(filled.root, {"a": Link("/etc")})

    assert filled.changes() == {"updated": 1, "deleted": 4}
    assert filled.is_exact()


def test_hard_links_are_entries_of_their_own(filled):
    os.link(filled.root / "file", filled.root / "b" / "other")

    assert filled.changes() == {"created": 1}
    (filled.root / "file").unlink()
    assert filled.changes() == {"deleted": 1}
    assert filled.is_exact()


def test_names_that_look_alike_are_kept_apart(synced):
    names = ["A", "a", "é", "e\u0301", "a ", " a", "a\n", "x" * 255]
    make_tree(synced.root, {"d": dict.fromkeys(names, b"")})

    assert synced.changes() == {"created": 9}
    assert synced.is_exact()


def test_wide_and_deep_trees_are_written_in_batches(synced, small_batches):
    deep = {}
    for n in range(300):
        deep = {f"d{n}": deep}
    make_tree(synced.root, {"wide": {str(n): b"" for n in range(2 * small_batches + 1)}, "deep": deep})
    catalog = synced.watched()
    synced.sync(synced.new_run(catalog=catalog))
    shutil.rmtree(synced.root / "wide")
    again = synced.watched()
    synced.sync(synced.new_run(catalog=again), allow_deletions=True)

    assert max(map(_rows, catalog.applied)) == small_batches
    assert sum(map(_rows, catalog.applied)) == 2 * small_batches + 2 + 301
    assert sum(map(_rows, again.applied)) == 2 * small_batches + 2
    assert synced.is_exact()


def _rows(changes):
    return sum(map(len, (changes.created, changes.updated, changes.moved, changes.deleted)))


def test_progress_counts_entries_and_bytes(filled):
    report = filled.run.reports[-1]

    assert report[:3] == (9, 9, "entries")
    assert report.text.startswith("files: 13 bytes, ")


def test_dry_run_counts_and_does_nothing(filled):
    before = filled.known()
    make_tree(filled.root, {"new": {"n": b""}})
    (filled.root / "a" / "x").unlink()
    (filled.root / "a" / "deep").rename(filled.root / "b" / "deep")

    dry = filled.changes(dry_run=True)

    assert filled.known() == before
    assert (filled.run.events, filled.run.checkpoints) == ([], [])
    assert dry == filled.changes() == {"created": 2, "deleted": 1, "moved": 2}


def test_all_datasources_are_synced_and_one_fault_does_not_stop_the_others(tmp_path):
    for name in ("one", "three"):
        make_tree(tmp_path / name, TREE)
    datasources = [Datasource(name=name, root=str(tmp_path / name)) for name in ("one", "three", "two")]
    run = RecordingRun(datasources=datasources)

    with pytest.raises(PermanentError, match="'two' cannot be reached"):
        sync(run, SyncParams())
    make_tree(tmp_path / "two", TREE)
    result = sync(RecordingRun(datasources=datasources, catalogs=run.catalog), SyncParams())

    assert (result.created, result.entries) == (9, 27)
    assert [event.subject for event in run.events if event.type == "datasource.synced"] == ["one", "three"]


def test_unknown_datasource_is_a_permanent_error(synced):
    with pytest.raises(PermanentError, match="no datasource"):
        sync(synced.run, SyncParams(datasource="other"))


def test_dry_run_gives_examples(filled):
    make_tree(filled.root, {"many": {f"{n:02}": b"" for n in range(30)}})
    (filled.root / "file").rename(filled.root / "renamed")
    (filled.root / "a" / "x").write_bytes(b"longer")

    examples = filled.sync(dry_run=True).model_dump(exclude_none=True)["examples"]

    assert examples["moved"] == [{"path": "renamed", "kind": "file", "came_from": "file"}]
    assert examples["updated"] == [{"path": "a/x", "kind": "file"}]
    assert examples["created"][:2] == [{"path": "many", "kind": "folder"}, {"path": "many/00", "kind": "file"}]
    assert len(examples["created"]) == 20
    assert ("info", "would have moved: file renamed (from file)") in filled.run.log.lines
    assert filled.sync().examples == {}


def test_result_is_the_report(filled):
    make_tree(filled.root, {"pipe": Fifo()})

    result = filled.sync()

    assert (result.special, result.unlisted, result.unread) == (1, 0, 0)
    assert result.duration_ms >= 0
    assert result.entries_per_second > 0


def test_last_sync_is_remembered_with_examples(filled):
    make_tree(filled.root, {"new": b""})
    filled.sync()

    last = filled.last_sync()

    assert (last["created"], last["entries"], last["path"]) == (1, 10, "")
    assert last["examples"] == {"created": [{"path": "new", "kind": "file"}]}
    assert {"duration_ms", "entries_per_second"} <= last.keys()


def test_names_of_any_kind_and_length_are_kept(synced):
    names = [
        b"\xff\xfe",
        b"n\nn",
        b"x" * 255,
        "\N{GREEK SMALL LETTER OMEGA}".encode() * 127,
        b" ",
        b"...",
        b"a\\b",
        b"-rf",
    ]
    make_tree(synced.root, {b"d\xf0": dict.fromkeys(names, b""), "special": {"pipe": Fifo()}})

    assert synced.changes() == {"created": 10}
    assert synced.is_exact()
    (synced.root / "special").rename(synced.root / "renamed")
    assert synced.changes() == {"moved": 1}


def test_a_thousand_folders_in_each_other_come_and_move_and_go(synced):
    top = os.open(synced.root, os.O_RDONLY)
    try:
        at = os.dup(top)
        for _ in range(1_000):
            os.mkdir("deep", dir_fd=at)
            below = os.open("deep", os.O_RDONLY, dir_fd=at)
            os.close(at)
            at = below
        os.close(os.open("file", os.O_CREAT, dir_fd=at))
        os.close(at)

        assert synced.changes() == {"created": 1_001}
        assert synced.changes() == {}
        os.rename("deep", "other", src_dir_fd=top, dst_dir_fd=top)
        assert synced.changes() == {"moved": 1_001}
        assert synced.changes() == {}
        subprocess.run(["rm", "-r", str(synced.root / "other")], check=True)
        assert synced.changes(allow_deletions=True) == {"deleted": 1_001}
    finally:
        os.close(top)
    assert synced.is_exact()


def test_what_changes_while_it_is_listed_is_noticed_by_the_next_sync(filled):
    run = filled.new_run()
    file = filled.root / "a" / "deep" / "z"

    def change(check):
        file.write_bytes(b"%d" % check)
        (filled.root / "b" / f"new{check}").write_bytes(b"")

    run.on_check = change
    filled.sync(run)

    filled.sync()
    assert filled.is_exact()


@pytest.mark.parametrize("jump_ms", [-10 * 86_400_000, 10 * 86_400_000])
def test_clock_that_jumps_does_not_matter(filled, store, jump_ms):
    if store is None:
        pytest.skip("a catalog in memory has no clock")
    make_tree(filled.root, {"new": b""})
    clock = ManualClock(SystemClock().now_ms())
    store.clock = clock
    run = filled.new_run()
    run.on_check = lambda check: clock.set(SystemClock().now_ms() + jump_ms * (check % 2))

    assert filled.changes(run) == {"created": 1}
    assert filled.changes() == {}
    assert filled.is_exact()
