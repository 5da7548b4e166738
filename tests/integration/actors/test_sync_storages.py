"""Syncs of storages that are unlike a local folder: without inodes or folders, told in any order."""

from __future__ import annotations

import pytest

from actors.catalog import Changes, FolderState
from actors.datasources.storage import Row
from actors.syncing.difference import Entry
from rota.errors import PermanentError
from tests.integration.actors.memory_storage import MemoryStorage
from tests.replay import replay

FILES = {
    b"a/one": (1, "e1"),
    b"a/two": (2, "e2"),
    b"a/deep/er/three": (3, "e3"),
    b"b/four": (4, "e4"),
    b"top": (5, "e5"),
}


@pytest.fixture
def storage(synced, monkeypatch):
    """The storage of the datasource, with some files in it."""
    made = MemoryStorage(dict(FILES))
    monkeypatch.setattr("actors.syncing.one.open_storage", lambda *_args, **_more: made)
    return made


@pytest.fixture
def filled(synced, storage):
    """The datasource, synced once."""
    synced.sync()
    return synced


def files_of(synced):
    return {path: seen.size for path, seen in synced.known().items() if seen.kind == "file"}


def folders_of(synced):
    return {path for path, seen in synced.known().items() if seen.kind == "folder"}


def is_exact(synced, storage):
    assert files_of(synced) == {path: size for path, (size, _) in storage.files.items()}
    above = {path.rsplit(b"/", depth)[0] for path in storage.files for depth in range(1, path.count(b"/") + 1)}
    assert folders_of(synced) == above
    told = {folder.path for folder in synced.open_catalog().folders_below(b"")}
    assert told - {b""} == above
    return True


def test_folders_may_be_told_before_those_they_are_in(synced, storage):
    for seed in range(5):
        storage._chance.seed(seed)
        storage.files[b"x%d/y/z" % seed] = (1, "")
        synced.sync()
        assert is_exact(synced, storage)
        assert synced.changes() == {}


def test_file_that_moves_is_known_by_its_etag(filled, storage):
    before = {path: seen[:2] for path, seen in filled.known().items()}
    storage.files[b"new/place"] = storage.files.pop(b"a/one")

    assert filled.changes() == {"created": 1, "moved": 1}
    assert is_exact(filled, storage)
    after = {path: seen[:2] for path, seen in filled.known().items()}
    assert replay(before, filled.run.events) == after


def test_folder_that_moves_is_deleted_and_created_around_its_files(filled, storage):
    for path in [path for path in storage.files if path.startswith(b"a/")]:
        storage.files[b"z" + path] = storage.files.pop(path)

    assert filled.changes() == {"created": 3, "moved": 3, "deleted": 3}
    assert is_exact(filled, storage)


def test_equal_files_are_no_moves(filled, storage):
    storage.files |= {b"a/same": (9, "same"), b"a/twin": (9, "same")}
    filled.sync()
    storage.files[b"b/same"] = storage.files.pop(b"a/same")
    storage.files[b"b/twin"] = storage.files.pop(b"a/twin")

    assert filled.changes() == {"created": 2, "deleted": 2}
    assert is_exact(filled, storage)


def test_size_and_etag_have_to_agree(filled, storage):
    storage.files.pop(b"a/one")
    storage.files[b"b/one"] = (7, "e1")

    assert filled.changes() == {"created": 1, "deleted": 1}


def test_many_equal_files_cost_no_more(filled, storage):
    storage.files |= {b"many/%d" % n: (9, "same") for n in range(3_000)}
    filled.sync()
    for n in range(3_000):
        storage.files[b"much/%d" % n] = storage.files.pop(b"many/%d" % n)

    assert filled.changes(allow_deletions=True) == {"created": 3_001, "deleted": 3_001}
    # Many that are gone from one folder are looked at by listing it again, not one by one.
    assert len(storage.asked) < 10


def test_changed_etag_is_an_update(filled, storage):
    storage.files[b"a/one"] = (1, "other")

    assert filled.changes() == {"updated": 1}


def test_folder_without_files_is_gone(filled, storage):
    storage.files.pop(b"a/deep/er/three")

    assert filled.changes() == {"deleted": 3}
    assert is_exact(filled, storage)


def test_listing_that_fails_keeps_everything_below(filled, storage):
    storage.unreadable.add(b"a/deep/er")
    storage.files.pop(b"a/one")
    storage.files[b"a/deep/er/new"] = storage.files.pop(b"a/deep/er/three")

    with pytest.raises(PermanentError, match="cannot list a/deep/er: page 2 is missing"):
        filled.sync()

    assert set(files_of(filled)) == {b"a/two", b"a/deep/er/three", b"b/four", b"top"}


def test_what_a_crash_left_behind_is_swept(filled, storage):
    """A folder without an entry that leads to it, as one that was told before the folder it is in."""
    orphan = Changes(
        created=[Entry(b"lost/deep", Row(b"x", "file", 1, 0))],
        folders=[FolderState(b"lost/deep", "", b"0" * 16, 1, 1), FolderState(b"b/empty", "", b"0" * 16, 0, 0)],
    )
    catalog = filled.open_catalog()
    assert catalog.hold("other") is None
    catalog.apply(orphan, before_commit=lambda: None)
    catalog.release()

    assert filled.changes() == {"deleted": 1}
    assert is_exact(filled, storage)


def test_sync_of_a_part_sweeps_only_there(filled, storage):
    storage.files.pop(b"a/deep/er/three")
    storage.files.pop(b"b/four")

    assert filled.changes(path="a") == {"deleted": 3}
    assert b"b/four" in filled.known()
    assert filled.changes() == {"deleted": 2}
