from __future__ import annotations

import os
import shutil

import pytest

from actors.datasources.storage import MARKER, Datasource
from actors.sync import SyncParams, sync
from actors.testing import RecordingRun
from rota.errors import Cancelled, PermanentError, TemporaryError
from tests.integration.actors.conftest import Killed
from tests.replay import replay
from tests.trees import Fifo, File, Link, make_tree, walked

TREE = {
    "a": {"x": b"1", "y": b"22", "deep": {"z": b"333"}},
    "b": {},
    "file": b"4444",
    "link": Link("/etc"),
    b"\xff\n": b"odd",
}


@pytest.fixture
def filled(synced):
    """The datasource with a tree in it, synced once."""
    make_tree(synced.root, TREE)
    synced.sync()
    return synced


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
    assert last.data == {
        "datasource": "files",
        "path": "",
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


@pytest.fixture
def small_batches(monkeypatch):
    """Transactions of few rows."""
    for place in ("actors.catalog.BATCH", "actors.syncing.settlement.BATCH", "actors.syncing.reconcile._CHUNK_ROWS"):
        monkeypatch.setattr(place, 7)
    return 7


def _rows(changes):
    return sum(map(len, (changes.created, changes.updated, changes.moved, changes.deleted)))


def test_progress_counts_entries_and_bytes(filled):
    report = filled.run.reports[-1]

    assert report == (9, 9, "entries", "files: 13 bytes")


# Dry run


def test_dry_run_counts_and_does_nothing(filled):
    before = filled.known()
    make_tree(filled.root, {"new": {"n": b""}})
    (filled.root / "a" / "x").unlink()
    (filled.root / "a" / "deep").rename(filled.root / "b" / "deep")

    dry = filled.changes(dry_run=True)

    assert filled.known() == before
    assert (filled.run.events, filled.run.checkpoints) == ([], [])
    assert dry == filled.changes() == {"created": 2, "deleted": 1, "moved": 2}


def test_dry_run_is_refused_like_the_real_one(filled):
    shutil.rmtree(filled.root)
    filled.root.mkdir()

    with pytest.raises(PermanentError, match="allow_deletions"):
        filled.sync(dry_run=True)


# Guards


def test_emptied_datasource_is_refused(filled):
    before = filled.known()
    for path in filled.root.iterdir():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()

    with pytest.raises(PermanentError, match=r"storage is empty.*allow_deletions: true"):
        filled.sync()

    assert filled.known() == before
    assert filled.changes(allow_deletions=True) == {"deleted": 9}
    assert filled.is_exact()


def test_more_than_half_gone_is_refused_and_the_rest_is_written(filled):
    make_tree(filled.root, {"many": {str(n): b"" for n in range(30)}})
    filled.sync()
    shutil.rmtree(filled.root / "many")
    make_tree(filled.root, {"new": b""})
    (filled.root / "file").rename(filled.root / "renamed")

    with pytest.raises(PermanentError, match=r"31 of 40 entries.*nothing was deleted"):
        filled.sync()

    known = filled.known()
    assert b"new" in known
    assert b"renamed" in known
    assert b"file" not in known
    assert b"many/7" in known
    assert [event.type for event in filled.run.events] == ["entry.created", "entry.moved"]
    assert filled.changes(allow_deletions=True) == {"deleted": 31}
    assert filled.is_exact()


def test_moved_folder_stays_known_while_deletions_are_held_back(filled):
    make_tree(filled.root, {"many": {str(n): b"" for n in range(30)}})
    filled.sync()
    shutil.rmtree(filled.root / "many")
    (filled.root / "a").rename(filled.root / "z")

    with pytest.raises(PermanentError, match="allow_deletions"):
        filled.sync()

    assert set(filled.known()) >= {b"a", b"a/deep", b"z", b"z/deep", b"z/deep/z"}
    filled.sync(allow_deletions=True)
    assert filled.is_exact()


def test_missing_root_is_an_error_and_deletes_nothing(filled):
    before = filled.known()
    filled.root.rename(filled.root.with_name("away"))

    with pytest.raises(PermanentError, match="cannot be reached"):
        filled.sync(allow_deletions=True)

    assert filled.known() == before


def test_root_replaced_during_the_scan_deletes_nothing(filled):
    before = filled.known()
    shutil.rmtree(filled.root / "a")

    def replace(check):
        if filled.root.exists():
            filled.root.rename(filled.root.with_name("away"))

    run = filled.new_run()
    run.on_check = replace
    with pytest.raises(PermanentError, match="cannot be reached"):
        filled.sync(run, allow_deletions=True)

    assert filled.known() == before


def test_missing_marker_is_an_error(filled):
    filled.datasource = Datasource(name="files", root=str(filled.root), marker="disk-7")
    with pytest.raises(PermanentError, match="cannot be reached"):
        filled.sync()

    (filled.root / os.fsdecode(MARKER)).write_text("disk-7")
    assert filled.changes() == {}


def test_folder_that_cannot_be_listed_keeps_its_rows(filled, unreadable):
    before = filled.known()
    make_tree(filled.root, {"new": b""})
    (filled.root / "file").unlink()
    unreadable(filled.root / "a")

    with pytest.raises(PermanentError, match="cannot list a: Permission denied"):
        filled.sync()

    known = filled.known()
    assert {path for path in before if path.startswith(b"a")} <= set(known)
    assert b"new" in known
    assert b"file" not in known


def test_root_that_cannot_be_listed_is_an_error(filled, unreadable):
    before = filled.known()
    unreadable(filled.root)

    with pytest.raises(PermanentError, match="Permission denied"):
        filled.sync()

    assert filled.known() == before


@pytest.fixture
def unreadable(tmp_path):
    """Takes all rights from folders, even from a test that runs as root."""
    closed = []
    as_root = os.geteuid() == 0

    def close(folder):
        if as_root:
            for path in (tmp_path, *tmp_path.rglob("*")):
                os.chown(path, 65534, 65534, follow_symlinks=False)
            for above in tmp_path.parents[:-2]:
                os.chmod(above, 0o755)
        os.chmod(folder, 0)
        closed.append(folder)
        if as_root:
            os.seteuid(65534)

    yield close
    if as_root:
        os.seteuid(0)
    for folder in closed:
        os.chmod(folder, 0o755)


def test_entry_that_a_listing_missed_is_not_deleted(filled, monkeypatch):
    """A file that is renamed while its folder is read may be in no part of the listing."""
    from actors.datasources.local import LocalStorage

    real = LocalStorage.list_folder

    def list_folder(self, path):
        found = real(self, path)
        if path == b"a":
            found.rows[:] = [row for row in found.rows if row.name == b"x"]
        return found

    with monkeypatch.context() as patch:
        patch.setattr(LocalStorage, "list_folder", list_folder)
        assert filled.changes() == {}
    assert filled.is_exact()
    (filled.root / "a" / "y").unlink()
    assert filled.changes() == {"deleted": 1}
    assert filled.is_exact()


def test_folder_that_vanishes_during_the_scan_is_no_fault(filled):
    def remove(check):
        shutil.rmtree(filled.root / "a" / "deep", ignore_errors=True)

    run = filled.new_run()
    run.on_check = remove
    filled.sync(run)
    filled.sync()

    assert filled.is_exact()


def test_other_file_system_is_a_row_and_keeps_what_was_known(filled):
    target = str(filled.root / "a")
    if os.geteuid() != 0 or os.system(f"mount -t tmpfs none '{target}' 2>/dev/null") != 0:
        pytest.skip("mounting is not allowed here")
    try:
        make_tree(filled.root / "a", {"on top": b""})
        assert filled.changes() == {}
        assert b"a/deep/z" in filled.known()
        assert b"a/on top" not in filled.known()
        assert "another file system" in filled.run.log.lines[0][1]
    finally:
        assert os.system(f"umount '{target}'") == 0
    filled.sync()
    assert filled.is_exact()


def test_bind_mount_of_the_tree_into_itself_ends(filled):
    target = str(filled.root / "b")
    if os.geteuid() != 0 or os.system(f"mount --bind '{filled.root}' '{target}' 2>/dev/null") != 0:
        pytest.skip("mounting is not allowed here")
    try:
        filled.sync()
        assert not any(path.startswith(b"b/") for path in filled.known())
    finally:
        assert os.system(f"umount '{target}'") == 0


# A part of the tree


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


# Contents


def test_hash_finds_what_size_and_time_hide(synced):
    make_tree(synced.root, {"a": {"x": File(b"old", 1000)}})
    synced.sync(hash=True)
    make_tree(synced.root / "a", {"x": File(b"new", 1000)})

    assert synced.changes() == {}
    assert synced.changes(hash=True) == {"updated": 1}
    assert synced.open_catalog().entry(b"a/x").hash.startswith("xxh3-128:")
    assert synced.changes(hash=True) == {}


def test_first_hash_of_a_known_file_is_no_change(filled):
    assert filled.changes(hash=True) == {}
    assert filled.open_catalog().entry(b"a/x").hash


def test_changed_file_loses_its_hash(filled):
    filled.sync(hash=True)
    (filled.root / "a" / "x").write_bytes(b"longer")
    (filled.root / "a" / "y").rename(filled.root / "b" / "y")

    filled.sync()

    assert filled.open_catalog().entry(b"a/x").hash is None
    assert filled.open_catalog().entry(b"b/y").hash


# All datasources


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


def test_path_needs_the_name_of_a_datasource():
    with pytest.raises(ValueError, match="one datasource"):
        SyncParams(path="a")


# Interruptions


def test_cancel_ends_a_sync_between_two_folders(synced):
    make_tree(synced.root, {str(n): {"x": b""} for n in range(50)})
    run = synced.new_run()
    run.on_check = lambda check: run.interrupt(Cancelled("by a person")) if check == 10 else None

    with pytest.raises(Cancelled):
        synced.sync(run)

    assert run.checks == 10
    assert synced.changes() == {"created": 100}


@pytest.mark.parametrize("with_checkpoint", [True, False])
@pytest.mark.parametrize("committed", [True, False])
@pytest.mark.usefixtures("small_batches")
def test_killed_sync_is_continued(make_synced, with_checkpoint, committed):
    """Killed before or after each of its transactions, with the last checkpoint or with none."""
    for deadly in range(1, 40):
        synced = make_synced()
        make_tree(synced.root, {f"d{n}": {"x": b"1", "e": {"y": b"2", "z": b"3"}} for n in range(6)})
        make_tree(synced.root, {"gone": {str(n): {str(m): b"" for m in range(4)} for n in range(4)}})
        synced.sync()
        before = synced.known()
        make_tree(synced.root, {f"n{n}": {"x": b"1", "e": {"y": b"2"}} for n in range(4)})
        (synced.root / "d1").rename(synced.root / "n1" / "d1")
        (synced.root / "d2" / "e" / "y").rename(synced.root / "a")
        (synced.root / "d3" / "x").write_bytes(b"changed")
        shutil.rmtree(synced.root / "d4")
        shutil.rmtree(synced.root / "gone")
        shutil.rmtree(synced.root / "d5" / "e")
        make_tree(synced.root, {"d5": {"e": b"file"}})

        run = synced.new_run(catalog=synced.watched(die_at=deadly, committed=committed))
        survived = _survives(synced, run, allow_deletions=True)
        state = run.checkpoints[-1] if with_checkpoint and run.checkpoints and not survived else None
        again = synced.new_run(state=state)
        if not survived:
            assert synced.sync(again, allow_deletions=True).entries == len(walked(synced.root))

        assert synced.is_exact()
        told = replay({path: seen[:2] for path, seen in before.items()}, run.events + again.events)
        assert told == {path: seen[:2] for path, seen in synced.known().items()}
        if survived:
            return
    pytest.fail("it never came to its end")


def _survives(synced, run, **params):
    try:
        synced.sync(run, **params)
    except Killed:
        return False
    return True


def test_killed_first_sync_skips_what_is_done(synced):
    make_tree(synced.root, {f"d{n:02}": {"x": b"1"} for n in range(20)})
    run = synced.new_run(catalog=synced.watched(die_at=3, committed=True))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("actors.syncing.reconcile._CHUNK_FOLDERS", 4)
        assert not _survives(synced, run)
    again = synced.new_run(state=run.checkpoints[-1])

    result = synced.sync(again)

    assert (result.created, result.entries) == (40 - _told_but_uncounted(run), 40)
    assert again.checks < run.checks + 20
    assert synced.is_exact()


def _told_but_uncounted(run):
    """What the killed attempt wrote after its last checkpoint."""
    told = sum(len(event.data["entries"]) for event in run.events)
    return told - run.checkpoints[-1]["resume"]["counts"]["created"]


def test_bus_away_leaves_the_catalog_as_it_was(synced, monkeypatch):
    make_tree(synced.root, TREE)
    run = synced.new_run()

    def emit(*args):
        raise TemporaryError("the bus is away")

    monkeypatch.setattr(run, "emit", emit)
    with pytest.raises(TemporaryError):
        synced.sync(run)

    assert synced.known() == {}
    assert synced.changes() == {"created": 9}


def test_many_new_entries_do_not_wait_for_ever(filled, monkeypatch):
    monkeypatch.setattr("actors.syncing.settlement.MOST_WAITING", 10)
    make_tree(filled.root, {f"n{n}": {str(m): b"" for m in range(20)} for n in range(5)})
    (filled.root / "a").rename(filled.root / "n3" / "a")

    result = filled.sync()

    assert result.created + result.moved == 110
    assert filled.is_exact()
