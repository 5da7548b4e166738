"""Deleting, restoring and purging on every kind of storage."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import pytest

from actors.datasources.bins import move_file
from actors.datasources.opening import open_storage
from actors.datasources.storage import Storage
from rota.errors import PermanentError
from tests.integration.actors.recycled import Recycling
from tests.storages.served import Served

FILES = {b"a.txt": b"alpha", b"folder/b c": b"beta", b"folder/deep/c%41": b"c" * 1000, "folder/\u00e9".encode(): b""}


@pytest.fixture
def bins(served: Served) -> Recycling:
    for path, content in FILES.items():
        served.write(path, content)
    return Recycling(served.datasource)


def contents(served: Served) -> dict[bytes, bytes]:
    """Give the content of all files that are not Rota's own."""
    with closing(open_storage(served.datasource)) as storage:
        found = {}
        for path, (kind, _) in served.walk().items():
            if kind == "file" and not path.startswith(b".rota"):
                with storage.open_file(path) as file:
                    found[path] = file.read()
        return found


def own(served: Served) -> list[bytes]:
    """Give the files that are Rota's own, and the places of items."""
    walked = served.walk()
    return sorted(path for path in walked if path.startswith(b".rota/") and path not in {b".rota/bin", b".rota/tomb"})


def test_what_is_deleted_comes_back_as_it_was(bins, served):
    assert bins.delete("folder", "a.txt").removed == 2
    assert contents(served) == {}
    assert sum(item.recycled.bytes for item in bins.items()) == 1009
    assert bins.changed() == [[""]]

    result = bins.restore("folder", "a.txt")

    assert (result.restored, result.bytes, result.kept) == (2, 1009, [])
    assert contents(served) == FILES
    assert bins.items() == []
    assert own(served) == []


def test_nothing_that_is_there_is_replaced(bins, served):
    bins.delete("folder", "a.txt")
    served.write(b"folder/new", b"new")
    served.write(b"a.txt", b"new")

    assert len(bins.restore("folder", "a.txt").kept) == 2
    assert contents(served) == {b"folder/new": b"new", b"a.txt": b"new"}

    assert sorted(bins.restore("folder", "a.txt", conflict="number").paths) == ["a (2).txt", "folder (2)"]
    assert contents(served)[b"folder (2)/deep/c%41"] == b"c" * 1000


def test_a_purge_takes_what_is_old_and_nothing_else(bins, served):
    bins.delete("folder/deep", "folder/b c", "a.txt")
    bins.age("folder/deep", 40)
    bins.age("a.txt", 40)

    foretold, result = (bins.purge(dry_run=dry) for dry in (True, False))

    assert foretold.items == result.items
    assert (result.removed, result.bytes, result.kept) == (2, 1005, {"young": 1})
    assert bins.originals() == [b"folder/b c"]
    kept = bins.item("folder/b c").recycled
    assert served.walk()[b".rota/bin/" + kept.bin_path] == ("file", 4)
    assert all(path.startswith(kept.folder) for path in own(served))
    assert contents(served) == {"folder/\u00e9".encode(): b""}


def test_a_lost_database_is_rebuilt(bins, served):
    bins.delete("folder", "a.txt")
    before = {item.recycled.bin_path: item.recycled for item in bins.items()}
    bins.memory.remove([item.id for item in bins.items()])

    assert bins.purge().found == 2

    for item in bins.items():
        was = before[item.recycled.bin_path]
        assert item.recycled._replace(items=0) == was._replace(items=0, origin="rebuilt")


def test_a_touched_item_stays(bins, served):
    bins.delete("a.txt", "folder/b c")
    bins.age("a.txt", 40)
    bins.age("folder/b c", 40)
    served.write(b".rota/bin/" + bins.item("a.txt").recycled.bin_path, b"somebody works with it")

    result = bins.purge()

    assert (result.removed, result.kept) == (1, {"touched": 1})
    assert bins.item("a.txt").recycled.bytes == 22


def test_for_good_leaves_nothing(bins, served):
    assert bins.delete("folder", "a.txt", permanently=True).for_good == 2

    assert contents(served) == {}
    assert own(served) == []
    assert bins.items() == []


@pytest.mark.parametrize("half", [b"folder/b c", b"folder/deep/c%41", b""])
def test_a_restore_goes_on_with_what_is_half_restored(bins, served, monkeypatch, half):
    bins.delete("folder")
    if _dies(monkeypatch, "actors.recycling.restoring.move_file", lambda: bins.restore("folder"), half):
        # Meanwhile a purge lets its time begin anew, whatever the rules.
        bins.age("folder", 40)
        foretold, result = (bins.purge(dry_run=dry) for dry in (True, False))
        assert (foretold.removed, foretold.kept) == (result.removed, result.kept)
        assert result.removed == 0
        assert bins.restore("folder", run=bins.again()).restored == 1

    assert contents(served) == FILES
    assert own(served) == []
    assert bins.items() == []


def test_a_deletion_of_a_file_goes_on_with_what_was_only_copied(bins, served, monkeypatch):
    if _dies(monkeypatch, "actors.datasources.bins.move_file", lambda: bins.delete("a.txt"), b"a.txt"):
        assert contents(served) == FILES
        assert bins.delete("a.txt", run=bins.again()).removed == 1

    assert b"a.txt" not in contents(served)
    assert bins.purge().found == 0
    bins.restore("a.txt")
    assert contents(served) == FILES


@pytest.mark.parametrize("half", [b"b c", b"deep/c%41", b""])
def test_a_deletion_goes_on_with_what_is_half_deleted(bins, served, monkeypatch, half):
    if _dies(monkeypatch, "actors.datasources.bins.move_file", lambda: bins.delete("folder"), half):
        assert b"folder/" in b"".join(contents(served))
        result = bins.delete("folder", run=bins.again())
        assert (result.removed, result.bytes) == (1, 1004)

    assert contents(served) == {b"a.txt": b"alpha"}
    bins.restore("folder")
    assert contents(served) == FILES


def test_a_storage_that_cannot_be_reached_forgets_nothing(bins, served):
    bins.delete("a.txt")
    object.__setattr__(bins.datasource, "marker", "nobody wrote this")

    with pytest.raises(PermanentError):
        bins.purge(older_than="PT0S")

    assert bins.originals() == [b"a.txt"]


def _dies(monkeypatch: pytest.MonkeyPatch, place: str, act: Callable[[], object], half: bytes) -> bool:
    """Act, and say whether the process went: before the third file was moved, or after one was copied to `half`.

    It does not where folders are moved in one step.
    """
    moved: list[bytes] = []

    def move(storage: Storage, path: bytes, target: bytes, *, resumes: bool) -> None:
        if len(moved) == 2:
            raise SystemExit
        if half and target.endswith(half) and not storage.capabilities.moves:
            with storage.open_file(path) as file:
                storage.write(target, [file.read()])
            raise SystemExit
        move_file(storage, path, target, resumes=resumes)
        moved.append(path)

    with monkeypatch.context() as patch:
        patch.setattr(place, move)
        try:
            act()
        except SystemExit:
            return True
    return False
