"""What may happen to items of a bin between two steps of a purge, and what wrong clocks do to them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from actors.datasources.storage import Datasource
from actors.recycling.emptying import Emptying
from actors.recycling.moment import wall_ms
from rota.ids import new_id
from tests.integration.actors.recycled import DAY_MS, Clock, Recycling, visible
from tests.trees import make_tree

TREE = {"a.txt": b"alpha", "b.txt": b"beta", "folder": {"b": b"beta", "c": b"c"}, "stays": b"stays"}


@pytest.fixture
def bins(tmp_path: Path) -> Recycling:
    make_tree(tmp_path / "files", TREE)
    bins = Recycling(Datasource(name="files", root=str(tmp_path / "files")))
    bins.memory.record_purge({"whole_at": int(time.time() * 1000)})
    return bins


def test_a_purge_that_has_planned_takes_nothing_that_another_one_found_touched(bins, monkeypatch):
    bins.delete("a.txt", "b.txt")
    bins.age("a.txt", 40)
    bins.age("b.txt", 40)
    bins.place_of("a.txt").write_bytes(b"somebody works with it")
    real, seen = Emptying._bury, []

    def bury(self, leftovers):
        if not seen:
            seen.append(True)
            assert bins.purge(bins.new_run(), items_per_second=1_000).kept == {"touched": 1}
        real(self, leftovers)

    monkeypatch.setattr(Emptying, "_bury", bury)

    assert bins.purge().removed == 0

    assert bins.originals() == [b"a.txt"]
    assert bins.place_of("a.txt").read_bytes() == b"somebody works with it"


def test_what_is_held_is_not_forgotten_while_its_bin_is_away(bins):
    bins.delete("a.txt", "b.txt")
    bins.memory.hold(bins.item("a.txt").id, "a case")
    away = bins.root / ".rota" / "elsewhere"
    bins.bin.rename(away)

    foretold, result = (bins.purge(dry_run=dry) for dry in (True, False))
    assert (foretold.lost, foretold.kept) == (result.lost, result.kept) == (1, {"held": 1})

    assert [kept.why for kept in bins.restore("a.txt").kept] == ["it is held (a case); release it first"]

    bins.bin.rmdir()
    away.rename(bins.bin)
    assert bins.purge(older_than="PT0S").kept == {"held": 1}
    assert bins.item("a.txt").hold == "a case"


@pytest.mark.parametrize("of_the_run", [True, False])
def test_a_clock_that_is_behind_makes_nothing_old(bins, monkeypatch, of_the_run):
    behind = 1_000 * DAY_MS
    run = bins.new_run(id=f"0000{new_id()[4:]}") if of_the_run else bins.new_run()
    make_tree(bins.bin, {new_id(): {"found": b"12345"}})
    with monkeypatch.context() as patch:
        if not of_the_run:
            for place in ("moment", "deleting"):
                patch.setattr(f"actors.recycling.{place}.wall_ms", lambda: behind)
        bins.delete("a.txt", run=run)
        bins.purge(run=run)

    result = bins.purge()

    assert (result.removed, sum(result.kept.values())) == (0, 2)
    assert bins.originals() == [b"a.txt", b"found"]
    assert all(item.recycled.deleted_at > wall_ms() - DAY_MS for item in bins.items())


def test_a_dry_run_counts_what_a_pattern_holds_within_a_folder_as_the_purge_does(bins):
    bins.use(keep=None, max_size=5, max_purged=1.0, hold=["folder/c"])
    bins.delete("folder")
    bins.delete("a.txt")
    bins.memory.remove([item.id for item in bins.items()])

    foretold, result = (bins.purge(dry_run=dry) for dry in (True, False))

    assert (foretold.items, foretold.kept) == (result.items, result.kept)


def test_what_waits_for_its_turn_is_not_claimed(bins, monkeypatch):
    bins.delete("a.txt", "b.txt")
    bins.age("a.txt", 50)
    bins.age("b.txt", 40)
    run, clock = bins.new_run(), Clock()
    monkeypatch.setattr("actors.recycling.burial.time", clock)
    seen: list[str | None] = []

    def on_check(_number: int) -> None:
        if clock.now > 1 and not seen:
            seen.append(bins.item("b.txt").claimed_by)
            assert bins.restore("b.txt").restored == 1

    run.on_check = on_check

    result = bins.purge(run=run, items_per_second=0.5)

    assert (result.removed, result.kept) == (1, {"restored": 1})
    assert seen == [None]
    assert visible(bins.root)["b.txt"] == b"beta"
