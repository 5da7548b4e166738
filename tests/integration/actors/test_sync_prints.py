"""Syncs of folders in which few of many entries differ."""

from __future__ import annotations

import os
import random

import pytest

from actors.catalog import Changes, FolderState
from tests.integration.actors.conftest import Killed
from tests.trees import make_tree

MANY = 40


@pytest.fixture
def wide(synced):
    """A folder of many files, synced once."""
    make_tree(synced.root, {"a": {f"{number:02}": b"1" for number in range(MANY)}})
    synced.sync()
    return synced


def state_of(catalog):
    """The folder `a` as the catalog has it; its number of bytes does not matter."""
    folder = catalog.folders([b"a"])[b"a"]
    return FolderState(folder.path, folder.token, folder.digest, folder.entries, MANY, folder.prints)


def put(catalog, **changes):
    assert catalog.hold("a test") is None
    catalog.apply(Changes(**changes), before_commit=lambda: None)
    catalog.release()


def test_changed_files_are_found_without_reading_the_rows_beside_them(wide):
    catalog = wide.watched()
    for name in ("03", "17"):
        (wide.root / "a" / name).write_bytes(b"22")
    (wide.root / "a" / "new").write_bytes(b"3")

    assert wide.changes(wide.new_run(catalog=catalog)) == {"updated": 2, "created": 1}

    assert b"a" not in catalog.read
    assert wide.is_exact()
    assert wide.changes() == {}


def test_what_is_gone_or_moved_is_found_by_its_print(wide):
    (wide.root / "a" / "03").unlink()
    (wide.root / "a" / "17").rename(wide.root / "a" / "moved")
    (wide.root / "a" / "20").unlink()
    (wide.root / "a" / "20").mkdir()

    assert wide.changes() == {"deleted": 1, "moved": 1, "updated": 1}

    assert wide.is_exact()
    assert wide.changes() == {}


def test_files_that_change_again_and_again_are_found_each_time(wide):
    chance = random.Random(7)
    names = [f"{number:02}" for number in range(MANY + 10)]
    for size in range(2, 20):
        for name in chance.sample(names, 4):
            path = wide.root / "a" / name
            if path.exists() and chance.random() < 0.4:
                path.unlink()
            else:
                path.write_bytes(b"x" * size)
        wide.sync(allow_deletions=True)
        assert wide.is_exact()


def test_catalog_that_differs_from_its_prints_is_compared_whole(wide):
    catalog = wide.open_catalog()
    before = state_of(catalog)
    (wide.root / "a" / "03").write_bytes(b"22")
    (wide.root / "a" / "04").unlink()
    wide.sync()
    # As if the rows had been written and the prints had not.
    put(catalog, folders=[before])
    (wide.root / "a" / "17").write_bytes(b"333")

    assert wide.changes() == {"updated": 1}

    assert wide.is_exact()
    assert wide.changes() == {}


def test_folder_of_an_old_catalog_has_prints_after_its_next_change(wide):
    catalog = wide.open_catalog()
    put(catalog, folders=[state_of(catalog)._replace(prints=b"")])
    (wide.root / "a" / "03").write_bytes(b"22")

    assert wide.changes() == {"updated": 1}

    assert wide.is_exact()
    assert len(state_of(catalog).prints) == MANY * 8


@pytest.mark.parametrize("committed", [False, True], ids=["before", "after"])
def test_killed_between_rows_and_prints_the_next_sync_finds_the_rest(synced, small_batches, committed):
    make_tree(synced.root, {f"d{n}": {f"{m:02}": b"1" for m in range(20)} for n in range(4)})
    synced.sync()
    for size in range(2, 9):
        for n in range(4):
            for m in range(4):
                (synced.root / f"d{n}" / f"{(size + 3 * m) % 20:02}").write_bytes(b"x" * size)
        os.rename(synced.root / "d0" / "19", synced.root / "d1" / f"moved-{size}")
        make_tree(synced.root, {"d0": {"19": b"again"}})
        catalog = synced.watched(die_at=size - 1, committed=committed)
        try:
            synced.sync(synced.new_run(catalog=catalog))
        except Killed:
            synced.sync()
        assert synced.is_exact()
        assert synced.changes() == {}
