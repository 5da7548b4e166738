"""Syncs that read the files."""

from __future__ import annotations

from actors.syncing.difference import WIDTH
from tests.trees import File, make_tree


def test_hash_finds_what_size_and_time_hide(synced):
    make_tree(synced.root, {"a": {"x": File(b"old", 1000)}})
    synced.sync(hash=True)
    make_tree(synced.root / "a", {"x": File(b"new", 1000)})

    assert synced.changes() == {}
    assert synced.changes(hash=True) == {"updated": 1}
    assert synced.open_catalog().entry(b"a/x")[WIDTH].startswith("xxh3-128:")
    assert synced.changes(hash=True) == {}


def test_first_hash_of_a_known_file_is_no_change(filled):
    assert filled.changes(hash=True) == {}
    assert filled.open_catalog().entry(b"a/x")[WIDTH]


def test_changed_file_loses_its_hash(filled):
    filled.sync(hash=True)
    (filled.root / "a" / "x").write_bytes(b"longer")
    (filled.root / "a" / "y").rename(filled.root / "b" / "y")

    filled.sync()

    assert filled.open_catalog().entry(b"a/x")[WIDTH] is None
    assert filled.open_catalog().entry(b"b/y")[WIDTH]


def test_file_that_changes_while_it_is_read_has_no_hash_yet(filled):
    file = filled.root / "a" / "x"
    run = filled.new_run()
    run.on_check = lambda check: file.write_bytes(b"%d" % check)

    result = filled.sync(run, hash=True)

    assert result.unread >= 1
    assert filled.open_catalog().entry(b"a/x")[WIDTH] is None
    filled.sync(hash=True)
    assert filled.open_catalog().entry(b"a/x")[WIDTH]
    assert filled.is_exact()


def test_file_that_cannot_be_read_is_counted_and_stays(filled, monkeypatch):
    from actors.datasources.local.storage import LocalStorage

    def refuse(self, path):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(LocalStorage, "open_file", refuse)

    assert filled.sync(hash=True).unread == 5
    assert filled.is_exact()
