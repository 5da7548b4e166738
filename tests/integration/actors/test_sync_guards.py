"""What is never taken for a deletion, and what waits until somebody confirms it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from actors.datasources.local.storage import LocalStorage
from actors.datasources.storage import MARKER, Datasource
from actors.syncing import one
from rota.datasources import Rules
from rota.errors import PermanentError, StoreUnavailable, TemporaryError
from tests.trees import make_tree


def test_dry_run_is_refused_like_the_real_one(filled):
    shutil.rmtree(filled.root)
    filled.root.mkdir()

    with pytest.raises(PermanentError, match="rota datasources confirm files"):
        filled.sync(dry_run=True)


def test_emptied_datasource_is_refused(filled):
    before = filled.known()
    for path in filled.root.iterdir():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()

    with pytest.raises(PermanentError, match=r"storage is empty.*rota datasources confirm"):
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

    with pytest.raises(PermanentError, match="rota datasources confirm files"):
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
    with pytest.raises(PermanentError, match="marker"):
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
    from actors.datasources.local.storage import LocalStorage

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


@pytest.fixture
def doubtful(filled):
    """The datasource after most of it went away."""
    make_tree(filled.root, {"many": {str(n): b"" for n in range(30)}})
    filled.sync()
    shutil.rmtree(filled.root / "many")
    with pytest.raises(PermanentError, match="rota datasources confirm files"):
        filled.sync()
    return filled


def test_doubt_is_remembered_with_examples(doubtful):
    doubt = doubtful.open_catalog().doubt()

    assert (doubt["path"], doubt["deleted"], doubt["known"]) == ("", 31, 40)
    assert doubt["reason"] == "31 of 40 entries are gone, more than 50%"
    assert doubt["examples"][:3] == ["many", "many/0", "many/1"]
    assert len(doubt["examples"]) == 20
    assert {"run", "at"} <= doubt.keys()


def test_confirmed_deletions_are_made_and_the_doubt_is_gone(doubtful):
    assert doubtful.changes(confirmed_deletions=31) == {"deleted": 31}
    assert doubtful.open_catalog().doubt() is None
    assert doubtful.is_exact()


def test_more_deletions_than_were_confirmed_are_held_back_again(doubtful):
    (doubtful.root / "file").unlink()

    with pytest.raises(PermanentError, match="32 of 40"):
        doubtful.sync(confirmed_deletions=31)

    assert doubtful.open_catalog().doubt()["deleted"] == 32


def test_doubt_is_cleared_by_a_sync_of_the_same_or_more_only(doubtful):
    doubtful.sync(path="a")
    assert doubtful.open_catalog().doubt()

    make_tree(doubtful.root, {"many": {str(n): b"" for n in range(30)}})
    doubtful.sync()
    assert doubtful.open_catalog().doubt() is None


def test_doubt_about_a_part_names_it(filled):
    make_tree(filled.root, {"many": {str(n): b"" for n in range(30)}})
    filled.sync()
    shutil.rmtree(filled.root / "many")
    (filled.root / "many").mkdir()
    with pytest.raises(PermanentError):
        filled.sync(path="many")

    assert filled.open_catalog().doubt()["path"] == "many"
    filled.sync(path="many", allow_deletions=True)
    assert filled.open_catalog().doubt() is None


def test_dry_run_remembers_no_doubt(filled):
    shutil.rmtree(filled.root)
    filled.root.mkdir()
    with pytest.raises(PermanentError):
        filled.sync(dry_run=True)

    assert filled.open_catalog().doubt() is None


@pytest.mark.parametrize(("share", "refused"), [(0.9, False), (0.2, True)])
def test_how_much_may_go_is_a_rule_of_the_datasource(filled, share, refused):
    make_tree(filled.root, {"many": {str(n): b"" for n in range(30)}})
    filled.sync()
    shutil.rmtree(filled.root / "many")
    filled.datasource = Datasource(name="files", root=str(filled.root), rules=Rules(max_deleted=share))

    if refused:
        with pytest.raises(PermanentError, match="more than 20%"):
            filled.sync()
    else:
        assert filled.changes() == {"deleted": 31}


def test_unreachable_datasource_is_told_once_and_remembered(filled):
    away = filled.root.with_name("away")
    filled.root.rename(away)

    told = []
    for _ in range(2):
        with pytest.raises(PermanentError, match="cannot be reached"):
            filled.sync()
        told += filled.run.events

    assert [(event.type, event.subject) for event in told] == [("datasource.unreachable", "files")]
    assert told[0].data.keys() == {"datasource", "reason", "since"}
    away.rename(filled.root)
    assert filled.changes() == {}
    filled.root.rename(away)
    with pytest.raises(PermanentError):
        filled.sync()
    assert [event.type for event in filled.run.events] == ["datasource.unreachable"]


@pytest.mark.parametrize("when", ["scan", "verify"])
def test_storage_that_goes_away_during_the_scan_is_told_as_unreachable(filled, monkeypatch, when):
    error = TemporaryError("the server does not answer")
    monkeypatch.setattr(one, "open_storage", lambda datasource, **_: Vanishing(LocalStorage(datasource), when, error))
    (filled.root / "file").unlink()
    before = filled.known()

    with pytest.raises(TemporaryError, match="does not answer"):
        filled.sync()

    assert [event.type for event in filled.run.events] == ["datasource.unreachable"]
    assert filled.run.events[0].data["reason"] == "the server does not answer"
    assert filled.known() == before
    monkeypatch.undo()
    assert filled.changes() == {"deleted": 1}


def test_database_that_does_not_answer_is_not_taken_for_the_storage(filled, monkeypatch):
    error = StoreUnavailable("no database")
    monkeypatch.setattr(one, "open_storage", lambda datasource, **_: Vanishing(LocalStorage(datasource), "scan", error))

    with pytest.raises(StoreUnavailable):
        filled.sync()

    assert filled.run.events == []


class Vanishing:
    """A storage that goes away at the end of its scan, or when it is verified after that."""

    def __init__(self, storage: Any, when: str, error: Exception) -> None:
        self._storage = storage
        self._when = when
        self._error = error
        self._scanned = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    def scan(self, *given: Any, **more: Any) -> Iterator[Any]:
        yield from self._storage.scan(*given, **more)
        self._scanned = True
        if self._when == "scan":
            raise self._error

    def verify(self) -> None:
        if self._scanned and self._when == "verify":
            raise self._error
        self._storage.verify()


def test_entries_that_the_globs_leave_out_are_deleted_although_they_are_there(filled):
    filled.datasource = Datasource(name="files", root=str(filled.root), rules=Rules(exclude=["x", "deep/"]))

    assert filled.changes() == {"deleted": 3}
    assert not {b"a/x", b"a/deep", b"a/deep/z"} & filled.known().keys()
