"""What a sync puts aside comes back paired and in order, however much it is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from store.spill import EntryTuple, Spill


@pytest.fixture
def spill() -> Iterator[Spill]:
    made = Spill()
    yield made
    made.close()


def entry(path: bytes, kind: str = "file", **columns: object) -> EntryTuple:
    folder, _, name = path.rpartition(b"/")
    given: dict[str, object] = {
        "size": 1, "modified_ns": 10, "inode": 100, "device": 1, "etag": "", "hash": None
    } | columns  # fmt: skip
    return (folder, name, kind, *given.values())


def paths(entries: list[EntryTuple]) -> list[bytes]:
    return [b"/".join(filter(None, each[:2])) for each in entries]


def moves(spill: Spill) -> list[tuple[bytes, bytes]]:
    found = [(paths([old])[0], paths([new])[0]) for new, old in spill.arrivals() if old]
    return found + [(paths([old])[0], paths([new])[0]) for old, new in spill.departures() if new]


def settled(spill: Spill, gone: list[EntryTuple], new: list[EntryTuple]) -> list[tuple[bytes, bytes]]:
    spill.add_gone(gone)
    spill.add_new(new)
    spill.pair_moves()
    return moves(spill)


def test_gone_and_new_with_one_identity_are_a_move(spill: Spill) -> None:
    assert settled(spill, [entry(b"f/a")], [entry(b"g/b")]) == [(b"f/a", b"g/b")]
    assert spill.count_deleted() == 0


@pytest.mark.parametrize("other", [{"size": 2}, {"modified_ns": 11}, {"device": 2}, {"kind": "link"}])
def test_inode_alone_is_no_identity(spill: Spill, other: dict[str, object]) -> None:
    assert settled(spill, [entry(b"a")], [entry(b"b", **other)]) == []  # type: ignore[arg-type]
    assert spill.count_deleted() == 1


def test_without_inode_etag_or_hash_nothing_is_a_move(spill: Spill) -> None:
    assert settled(spill, [entry(b"a", inode=0)], [entry(b"b", inode=0)]) == []


@pytest.mark.parametrize("column", ["etag", "hash"])
def test_without_inodes_the_content_tells_if_it_is_the_only_one(spill: Spill, column: str) -> None:
    gone = [entry(b"%d" % n, inode=0, **{column: word}) for n, word in enumerate(["one", "two", "two", "three"])]
    new = [entry(b"n%d" % n, inode=0, **{column: word}) for n, word in enumerate(["one", "two", "three", "three"])]

    assert settled(spill, gone, new) == [(b"0", b"n0")]


def test_with_inodes_the_content_does_not_tell(spill: Spill) -> None:
    assert settled(spill, [entry(b"a", hash="x")], [entry(b"b", inode=101, hash="x")]) == []


def test_hard_links_are_paired_one_to_one(spill: Spill) -> None:
    gone = [entry(b"b"), entry(b"a")]
    new = [entry(b"z"), entry(b"x"), entry(b"y")]

    assert settled(spill, gone, new) == [(b"a", b"x"), (b"b", b"y")]
    assert [paths([new])[0] for new, old in spill.arrivals() if old is None] == [b"z"]


def test_many_identical_files_cost_no_more(spill: Spill) -> None:
    gone = [entry(b"a%05d" % n) for n in range(20_000)]

    assert len(settled(spill, gone, [entry(b"b%05d" % n) for n in range(20_000)])) == 20_000


def test_what_arrives_comes_by_path_and_what_leaves_backwards(spill: Spill) -> None:
    names = [b"a", b"a/b", b"a-b", b"a/b/c", b"\xff\n"]
    kinds = ["folder", "folder", "file", "file", "file"]
    spill.add_gone(entry(name, kind, inode=0) for name, kind in zip(names, kinds, strict=True))
    spill.add_new(entry(b"n/" + name, kind, inode=0) for name, kind in zip(names, kinds, strict=True))
    spill.pair_moves()

    assert paths([new for new, _ in spill.arrivals()]) == sorted(b"n/" + name for name in names)
    assert paths([old for old, _ in spill.departures()]) == sorted(names, reverse=True)


def test_moved_folders_leave_with_what_they_are(spill: Spill) -> None:
    settled(spill, [entry(b"a", "folder")], [entry(b"b", "folder")])

    assert list(spill.arrivals()) == []
    assert [(paths([old]), paths([new])) for old, new in spill.departures() if new] == [([b"a"], [b"b"])]


def test_parted_folders_are_new_and_the_old_ones_gone(spill: Spill) -> None:
    settled(spill, [entry(b"a", "folder")], [entry(b"b", "folder")])
    spill.part_folders()

    assert (paths([new for new, _ in spill.arrivals()]), spill.count_deleted()) == ([b"b"], 1)


def test_replaced_folders_are_no_deletion_and_leave_with_what_they_are(spill: Spill) -> None:
    spill.add_replaced(entry(b"a", "folder"), entry(b"a"))
    spill.pair_moves()

    assert (spill.count_deleted(), list(spill.looks(only_moved=False))) == (0, [])
    assert [(old[2], new[2]) for old, new in spill.departures() if new] == [("folder", "file")]
    assert spill.is_gone(b"a")


def test_what_is_kept_neither_moves_nor_leaves(spill: Spill) -> None:
    settled(spill, [entry(b"f/a"), entry(b"f/b", inode=101)], [entry(b"g/c")])
    for look in spill.looks(only_moved=False):
        spill.keep(look.id)
    spill.add_state((b"f", "t", b"d", 1, 1, b"prints"))
    spill.add_state((b"g", "t", b"d", 1, 1, b"prints"))

    assert [(paths([new]), old) for new, old in spill.arrivals()] == [([b"g/c"], None)]
    assert list(spill.departures()) == []
    assert list(spill.states()) == [(b"g", "t", b"d", 1, 1, b"prints")]


def test_only_what_moved_is_looked_at_where_nothing_is_deleted(spill: Spill) -> None:
    settled(spill, [entry(b"f/a"), entry(b"f/b", inode=101)], [entry(b"g/c")])

    assert [(look.is_paired, look.entry[1]) for look in spill.looks(only_moved=True)] == [(True, b"a")]
    assert [look.entry[1] for look in spill.looks(only_moved=False)] == [b"a", b"b"]


def test_unlisted_covers_what_is_below(spill: Spill) -> None:
    spill.add_unlisted(b"a/b")

    assert [spill.is_unlisted(path) for path in (b"a/b", b"a/b/c/d", b"a", b"a/b-c", b"")] == [
        True, True, False, False, False
    ]  # fmt: skip


def test_orphans_are_unseen_folders_that_no_gone_entry_leads_to(spill: Spill) -> None:
    spill.add_gone([entry(b"a", "folder"), entry(b"lost/x")])
    spill.add_unseen([b"a", b"lost"])
    spill.pair_moves()

    assert list(spill.orphans()) == [b"lost"]
