"""The actor `purge` on a folder of this machine: what goes, what stays, and what is listed."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from actors.datasources.storage import Datasource
from rota.errors import Cancelled, PermanentError
from rota.ids import new_id
from tests.integration.actors.recycled import DAY_MS, Clock, Recycling, visible
from tests.trees import Link, make_tree

TREE = {"a.txt": b"alpha", "folder": {"b": b"beta", "deep": {"c": b"c" * 100}}, "link": Link("a.txt"), "stays": b"s"}


@pytest.fixture
def bins(tmp_path: Path) -> Recycling:
    make_tree(tmp_path / "files", TREE)
    return Recycling(Datasource(name="files", root=str(tmp_path / "files")))


def fill(bins: Recycling, count: int, *, days: float = 40) -> list[str]:
    """Delete so many files, each a moment after the one before, so long ago."""
    names = [f"f{number:03}" for number in range(count)]
    make_tree(bins.root, dict.fromkeys(names, b"x" * 10))
    bins.delete(*names)
    for number, name in enumerate(names):
        bins.age(name, days - number / 1000)
    return names


def test_what_is_old_goes_for_good(bins):
    bins.delete("a.txt", "folder", "link")
    bins.age("folder", 31)
    bins.age("link", 30)
    bins.age("a.txt", 29)

    result = bins.purge()

    assert (result.removed, result.entries, result.bytes, result.kept) == (2, 5, 104, {"young": 1})
    assert [(each.path, each.why) for each in result.items] == [("folder", "age"), ("link", "age")]
    assert bins.originals() == [b"a.txt"]
    assert bins.in_bin() == ["a.txt"]
    assert visible(bins.root).keys() == {"stays"}
    (event,) = bins.run.events
    assert (event.type, event.data) == ("bin.purged", {"datasource": "files", "removed": 2, "bytes": 104})
    assert bins.memory.last_purge()["removed"] == 2


def test_age_counts_from_the_deletion_and_not_from_the_change(bins):
    os.utime(bins.root / "a.txt", (1, 1))
    bins.delete("a.txt")

    assert bins.purge().kept == {"young": 1}


def test_a_purge_of_nothing_tells_so(bins):
    result = bins.purge()

    assert (result.removed, result.kept, result.items, result.more) == (0, {}, [], 0)
    assert bins.run.events == []


def test_a_dry_run_changes_nothing_and_lists_what_the_purge_removes(bins):
    bins.use(keep="P30D", max_items=12)
    names = fill(bins, 30, days=20)
    for name in names[:4]:
        bins.age(name, 50)
    make_tree(bins.bin, {new_id(): {"arrived": b"without a record"}})
    known, there = bins.items(), sorted(bins.bin.rglob("*"))

    foretold = bins.purge(dry_run=True, confirmed=30)

    assert (bins.items(), sorted(bins.bin.rglob("*"))) == (known, there)
    assert (bins.memory.last_purge(), bins.memory.doubt(), bins.run.events) == (None, None, [])
    assert not (bins.root / ".rota" / "tomb").exists()
    assert [each.path for each in foretold.items] == names[:19]

    bins.restore(names[2], names[12], names[25])
    result = bins.purge(confirmed=30)
    # One more than planned may stay, because three that were restored do not count any more.
    restored = {names[2], names[12]}
    assert {each.path for each in result.items} <= {each.path for each in foretold.items} - restored
    assert result.found == 1


def test_a_dry_run_without_restores_in_between_is_exact(bins):
    fill(bins, 40)
    bins.use(keep="P30D", hold=["f00*"])

    foretold, result = (bins.purge(dry_run=dry, confirmed=40) for dry in (True, False))

    assert foretold == result
    assert (result.removed, result.kept) == (30, {"held": 10})


def test_what_is_held_stays(bins):
    bins.use(keep="P1D", hold=["a.txt", "deep/", "case/**"])
    make_tree(bins.root, {"case": {"inner": {"x": b"x"}}, "other": b"o"})
    bins.delete("a.txt", "folder", "case/inner", "link", "other")
    for path in ("a.txt", "folder", "case/inner", "link", "other"):
        bins.age(path, 3)
    bins.memory.hold(bins.item("link").id, "a case")

    result = bins.purge()

    assert (result.removed, result.kept) == (1, {"held": 4})
    assert bins.originals() == [b"a.txt", b"case/inner", b"folder", b"link"]


def test_an_item_that_arrived_without_a_record_counts_from_when_it_is_seen(bins):
    make_tree(bins.bin, {new_id(): {"x": {"y": b"12345"}}, "by-hand": {"z": b"1"}})
    for path in bins.bin.rglob("*"):
        os.utime(path, (1, 1))

    result = bins.purge()

    assert (result.found, result.removed, result.kept) == (2, 0, {"young": 2})
    found = bins.item("x").recycled
    assert (found.origin, found.items, found.bytes, found.deleted_by) == ("found", 2, 5, None)
    assert abs(found.deleted_at - time.time() * 1000) < 60_000
    assert bins.purge().found == 0


def test_a_lost_database_is_rebuilt_from_the_bin(bins):
    bins.use(per="user")
    bins.delete("folder", "a.txt")
    bins.person = "bert"
    bins.delete("link")
    before = {item.recycled.bin_path: item.recycled for item in bins.items()}
    bins.memory.remove([item.id for item in bins.items()])

    assert bins.purge().found == 3

    after = {item.recycled.bin_path: item.recycled for item in bins.items()}
    assert after == {path: was._replace(origin="rebuilt") for path, was in before.items()}
    assert {item.bin for item in after.values()} == {"user:anna", "user:bert"}


def test_a_record_without_an_item_goes(bins):
    bins.delete("a.txt", "link")
    bins.place_of("a.txt").unlink()
    bins.place_of("a.txt").parent.rmdir()

    assert bins.purge().lost == 1

    assert bins.originals() == [b"link"]


def test_a_bin_that_is_gone_forgets_nothing(bins):
    fill(bins, 30)
    bins.bin.rename(bins.root / ".rota" / "elsewhere")

    with pytest.raises(PermanentError, match="30 of the 30 items that are known are not in the bin"):
        bins.purge()

    assert len(bins.items()) == 30
    doubt = bins.memory.doubt()
    assert (doubt["items"], doubt["bytes"], len(doubt["examples"])) == (30, 300, 20)
    assert bins.purge(confirmed=30).lost == 30
    assert bins.items() == []
    assert bins.memory.doubt() is None


def test_a_link_in_the_place_of_the_bin_is_refused(bins, tmp_path):
    bins.delete("a.txt")
    bins.age("a.txt", 90)
    bins.bin.rename(tmp_path / "elsewhere")
    bins.bin.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(PermanentError, match="the bin cannot be listed"):
        bins.purge()

    assert len(bins.items()) == 1
    assert len(list((tmp_path / "elsewhere").rglob("a.txt"))) == 1


def test_information_whose_item_never_came_goes_after_a_day(bins):
    bins.delete("a.txt")
    left = {f"{new_id()}.trashinfo": b"[Trash Info]", "by-hand.trashinfo": b"x", new_id(): {}, ".rota-draft-1": b"x"}
    make_tree(bins.bin, left)
    for path in bins.bin.iterdir():
        os.utime(path, (1, 1))
    young = bins.bin / f"{new_id()}.trashinfo"
    young.write_bytes(b"young")

    bins.purge()

    item = bins.id_of("a.txt")
    assert sorted(path.name for path in bins.bin.iterdir()) == sorted([item, f"{item}.trashinfo", young.name])


def test_what_is_left_over_in_huge_numbers_goes_bit_by_bit(bins, monkeypatch):
    monkeypatch.setattr("actors.recycling.surveying._MOST_LEFTOVERS", 2)
    make_tree(bins.bin, {f"{new_id()}.trashinfo": b"[Trash Info]" for _ in range(5)})
    for path in bins.bin.iterdir():
        os.utime(path, (1, 1))

    left = [bins.purge() and len(list(bins.bin.iterdir())) for _ in range(3)]

    assert left == [3, 1, 0]


def test_what_is_no_item_is_left_alone(bins):
    make_tree(bins.bin, {"loose": b"1", new_id(): {"x": b"1", "y": b"2"}})
    before = sorted(bins.bin.rglob("*"))

    result = bins.purge(older_than="PT0S")

    assert (result.strays, result.found, result.removed) == (2, 0, 0)
    assert sorted(bins.bin.rglob("*")) == before


def test_a_forged_information_does_not_lead_anywhere(bins):
    for number, path in enumerate((b"../../etc", b"%2Fetc", b"x/%2e%2e/y", b".rota/bin", b"", b"a%00b")):
        item = new_id()
        info = b"[Trash Info]\nPath=%s\nDeletionDate=2020-01-01T00:00:00\n" % path
        make_tree(bins.bin, {item: {f"x{number}": b"x"}, f"{item}.trashinfo": info})

    assert bins.purge().kept == {"young": 6}

    assert bins.originals() == [b"x%d" % number for number in range(6)]


def test_a_touched_item_stays_and_counts_anew(bins):
    bins.delete("a.txt", "folder")
    bins.age("a.txt", 40)
    bins.age("folder", 40)
    bins.place_of("a.txt").write_bytes(b"somebody works with it")

    result = bins.purge()

    assert (result.removed, result.kept) == (1, {"touched": 1})
    touched = bins.item("a.txt")
    assert (touched.recycled.size, touched.claimed_by) == (22, None)
    assert bins.purge().kept == {"young": 1}
    bins.age("a.txt", 40)
    assert bins.purge().removed == 1


def test_what_somebody_took_out_by_hand_is_forgotten(bins):
    bins.delete("a.txt", "folder", "link")
    for path in ("a.txt", "folder"):
        bins.age(path, 40)
        bins.place_of(path).rename(bins.root / f"by hand {path}")
    bins.records_of(bins.new_run(task="ended")).claim([bins.item("a.txt").id], "restore")

    assert bins.purge().removed == 0

    assert bins.originals() == [b"link"]
    assert {"by hand a.txt", "by hand folder"} <= visible(bins.root).keys()


def test_named_items_go_whatever_the_rules_unless_they_are_held(bins):
    bins.use(keep="P30D", hold=["link"])
    bins.delete("a.txt", "folder", "link", "stays")
    bins.memory.hold(bins.item("folder").id, "a case")

    result = bins.purge(items=[bins.id_of(path) for path in ("a.txt", "folder", "link")] + [new_id()])

    assert [(each.path, each.why) for each in result.items] == [("a.txt", "asked")]
    assert result.kept == {"held": 2, "restored": 1}
    assert bins.originals() == [b"folder", b"link", b"stays"]


@pytest.mark.parametrize("item", ["..", "a/b", ""])
def test_what_is_no_id_of_an_item_is_refused(bins, item):
    with pytest.raises(PermanentError, match="is no item of a bin"):
        bins.purge(items=[item])


def test_limits_hold_back_what_is_too_much_and_the_rest_goes_on(bins):
    fill(bins, 40, days=20)
    bins.delete("a.txt")
    bins.age("a.txt", 31)
    bins.memory.record_purge({"whole_at": int(time.time() * 1000 - DAY_MS)})

    with pytest.raises(PermanentError, match=r"35 of the 41 items.*confirmed: 35"):
        bins.purge(max_items=5)

    assert len(bins.items()) == 40
    assert bins.memory.doubt()["items"] == 35
    foretold = bins.purge(max_items=5, dry_run=True)
    assert (foretold.removed, foretold.doubtful, foretold.kept) == (0, 35, {"doubtful": 35, "young": 5})
    assert bins.purge(max_items=5, confirmed=35).removed == 35
    assert bins.memory.doubt() is None


def test_a_purge_with_limits_of_its_own_settles_no_other_doubt(bins):
    fill(bins, 40, days=40)
    with pytest.raises(PermanentError, match="the last purge is long ago or not known"):
        bins.purge()
    assert bins.memory.doubt()["asked"] == {}

    assert bins.purge(max_items=1_000, older_than="P90D").removed == 0
    assert bins.memory.doubt()["items"] == 40
    with pytest.raises(PermanentError, match="the last purge is long ago or not known"):
        bins.purge()

    with pytest.raises(PermanentError, match="39 of the 40"):
        bins.purge(max_items=1, older_than="P90D")
    assert bins.memory.doubt()["asked"] == {"max_items": 1, "older_than": "P90D"}
    assert bins.purge(confirmed=40).removed == 40
    assert bins.memory.doubt() is None


def test_a_clock_that_jumped_takes_no_more_than_the_guards_allow(bins):
    fill(bins, 40, days=0)
    bins.memory.record_purge({"whole_at": int(time.time() * 1000)})

    for item in bins.items():
        bins.memory.add([item.recycled._replace(deleted_at=item.recycled.deleted_at - 3650 * DAY_MS)])
    bins.memory.record_purge({"whole_at": int(time.time() * 1000 - 3650 * DAY_MS)})

    for _ in range(2):  # what was held back is no less doubtful tomorrow
        with pytest.raises(PermanentError, match="the last purge is long ago or not known"):
            bins.purge()
    assert len(bins.items()) == 40


def test_the_slower_of_two_clocks_is_believed(bins):
    bins.delete("a.txt")
    early = new_id()
    bins.change("a.txt", deleted_at=int(time.time() * 1000) + 10 * DAY_MS)

    assert bins.purge(older_than="PT0S").kept == {"future": 1}

    bins.age("a.txt", 1)
    long_ago = f"0170{early[4:]}"
    assert bins.purge(bins.new_run(id=long_ago), older_than="PT0S").kept == {"future": 1}


def test_only_items_of_one_user_or_folder_go(bins):
    bins.delete("a.txt", "folder/b")
    bins.person = "bert"
    bins.delete("link", "folder")

    assert bins.purge(older_than="PT0S", user="bert", folder="folder").removed == 1
    assert bins.originals() == [b"a.txt", b"folder/b", b"link"]
    assert bins.purge(older_than="PT0S", user="anna").removed == 2
    assert bins.originals() == [b"link"]


def test_what_was_claimed_by_an_ended_task_is_given_back_or_finished(bins):
    bins.delete("a.txt", "link", "stays")
    ended = bins.records_of(bins.new_run(task="ended"))
    ended.claim([bins.item(path).id for path in ("a.txt", "link", "stays")], "purge")
    tomb = bins.root / ".rota" / "tomb"
    tomb.mkdir()
    (bins.bin / bins.id_of("link")).rename(tomb / bins.id_of("link"))
    bins.memory.hold(bins.item("stays").id, "a case")

    foretold = bins.purge(dry_run=True)
    result = bins.purge()

    assert foretold == result
    assert (result.removed, result.kept) == (1, {"young": 1, "held": 1})
    assert [(each.path, each.why) for each in result.items] == [("link", "leftover")]
    assert [item.claimed_by for item in bins.items()] == [None, None]
    assert list(tomb.iterdir()) == []


def test_what_another_task_takes_out_stays(bins):
    bins.delete("a.txt")
    bins.age("a.txt", 40)
    bins.memory.open_tasks.add("other")
    bins.records_of(bins.new_run(task="other")).claim([bins.item("a.txt").id], "restore")

    assert bins.purge().kept == {"claimed": 1}


def test_what_lies_in_the_tomb_of_a_lost_database_goes(bins):
    bins.delete("folder")
    tomb = bins.root / ".rota" / "tomb"
    tomb.mkdir()
    (bins.bin / bins.id_of("folder")).rename(tomb / bins.id_of("folder"))
    bins.memory.remove([bins.item("folder").id])

    foretold, result = (bins.purge(dry_run=dry) for dry in (True, False))

    assert foretold == result
    assert [(each.path, each.why) for each in result.items] == [("folder", "leftover")]
    assert bins.items() == []
    assert bins.left_over() == []


def test_a_cancelled_purge_leaves_no_claims_and_the_next_attempt_adds_up(bins):
    fill(bins, 60)
    run = bins.new_run()

    def on_check(_number: int) -> None:
        if len(bins.items()) < 60:
            run.interrupt(Cancelled())

    run.on_check = on_check
    with pytest.raises(Cancelled):
        bins.purge(run, confirmed=60, items_per_second=5)

    left = bins.items()
    assert 0 < len(left) < 60
    # What a gravedigger had taken out of the bin by then is still claimed, so that nobody forgets it.
    assert all(item.claimed_by is None for item in left if (bins.root / os.fsdecode(item.recycled.folder)).exists())
    result = bins.purge(bins.again(), confirmed=60)
    assert (result.removed, result.bytes) == (60, 600)
    assert result.more == 60 - len(result.items)
    assert bins.left_over() == []


def test_a_purge_goes_no_faster_than_it_may(bins, monkeypatch):
    fill(bins, 12)
    clock = Clock()
    monkeypatch.setattr("actors.recycling.burial.time", clock)

    assert bins.purge(items_per_second=20).removed == 12

    assert clock.now == pytest.approx(11 / 20)
    assert bins.run.reports[-1].done == 12


def test_a_long_list_is_cut(bins):
    names = [f"{number:03}" + "n" * 200 for number in range(300)]
    make_tree(bins.root, dict.fromkeys(names, b""))
    bins.delete(*names)

    result = bins.purge(older_than="PT0S", confirmed=300)

    assert (result.removed, len(result.items) + result.more) == (300, 300)
    assert len(result.model_dump_json()) < 48_000


def test_empty_fields_of_a_form_are_unset(bins):
    bins.delete("a.txt")

    assert bins.purge(older_than="", max_size="", max_items=None, user="", folder="").kept == {"young": 1}
