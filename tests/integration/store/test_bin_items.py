"""What is in a bin is listed newest first, found by its name, counted, and kept for whoever says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from sqlalchemy import insert, update

from rota.errors import NotFound, Refused
from store.engine import Store
from store.queries import bin_holds, bin_items, recycled
from store.records import BinCounts, BinFilter, BinState, Page, RecycledRecord, Removed
from store.tables import bins
from store.tables import recycled as recycled_table
from tests.factories import NOW


def put(store: Store, *items: RecycledRecord, datasource: str = "files") -> None:
    with store.writing() as conn:
        recycled.add(conn, datasource, items)


def item(name: str, path: str = "", **fields: Any) -> RecycledRecord:
    """An item called `name`, from a path."""
    places: dict[str, Any] = {"bin_path": f"{name}/x".encode(), "original_path": (path or name).encode()}
    return RecycledRecord(**(places | {"kind": "file", "items": 1, "bytes": 1, "deleted_at": NOW} | fields))


def names(page: Page[RecycledRecord]) -> list[str]:
    return [bin_items.item_of(found.bin_path) for found in page.items]


def listed(store: Store, wanted: BinFilter | None = None, **page: Any) -> list[str]:
    with store.reading() as conn:
        return names(bin_items.list_items(conn, "files", wanted, **page))


def pages(store: Store, limit: int, wanted: BinFilter | None = None) -> list[list[str]]:
    found, cursor = [], None
    while True:
        with store.reading() as conn:
            page = bin_items.list_items(conn, "files", wanted, cursor=cursor, limit=limit)
        found.append(names(page))
        cursor = page.next
        if cursor is None:
            return found


# --- Lists ----------------------------------------------------------------------------------------------------------------


def test_newest_deletion_comes_first_and_of_one_moment_what_came_last(files: Store) -> None:
    put(files, item("old", deleted_at=NOW - 1), item("a"), item("b"), item("new", deleted_at=NOW + 1))
    put(files, item("elsewhere"), datasource="other")

    assert listed(files) == ["new", "b", "a", "old"]


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5])
def test_pages_hold_every_item_once(files: Store, limit: int) -> None:
    put(files, *(item(str(n), deleted_at=NOW + n // 2) for n in range(5)))

    found = pages(files, limit)

    assert [name for page in found for name in page] == ["4", "3", "2", "1", "0"]
    assert all(page for page in found)


def test_a_page_goes_on_although_its_last_item_has_left(files: Store) -> None:
    put(files, *(item(str(n), deleted_at=NOW + n) for n in range(4)))
    with files.writing() as conn:
        cursor = bin_items.list_items(conn, "files", limit=2).next
        conn.execute(recycled_table.delete().where(recycled_table.c.bin_path == b"2/x"))

    assert listed(files, cursor=cursor) == ["1", "0"]


def test_list_says_all_that_is_known(files: Store) -> None:
    given = item(
        "id", kind="folder", items=3, bytes=2**40, deleted_by="anna", run="r", bin="user:anna", size=7,
        modified_ns=8, inode=-9, device=10, etag="e", origin="rebuilt", hold="a case", keep_until=NOW + 5,
        claimed_by="task", claimed_for="restore", original_path=b"caf\xe9",
    )  # fmt: skip
    put(files, given)

    with files.reading() as conn:
        (found,) = bin_items.list_items(conn, "files").items
        assert found == bin_items.get(conn, "files", "id") == next(bin_items.all_items(conn, "files"))
    assert found == msgspec.structs.replace(given, id=found.id)
    assert found.id is not None


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (BinFilter(user="anna"), ["a/b/c", "a"]),
        (BinFilter(user="an"), []),
        (BinFilter(folder=b"a"), ["a/b/c", "a"]),
        (BinFilter(folder=b"a/b"), ["a/b/c"]),
        (BinFilter(since=NOW + 2), ["ab", "a0"]),
        (BinFilter(until=NOW + 1), ["a"]),
        (BinFilter(since=NOW + 1, until=NOW + 3), ["a0", "a/b/c"]),
        (BinFilter(bin="user:anna"), ["a"]),
        (BinFilter(bin=""), ["ab", "a0", "a/b/c"]),
        (BinFilter(user="anna", folder=b"a/b"), ["a/b/c"]),
        (BinFilter(keep=lambda record: b"b" in record.original_path), ["ab", "a/b/c"]),
    ],
)
def test_filters_leave_what_they_say(files: Store, wanted: BinFilter, found: list[str]) -> None:
    put(
        files,
        item("1", "a", deleted_by="anna", bin="user:anna"),
        item("2", "a/b/c", deleted_by="anna", deleted_at=NOW + 1),
        item("3", "a0", deleted_by="bob", deleted_at=NOW + 2),
        item("4", "ab", deleted_at=NOW + 3),
    )

    with files.reading() as conn:
        paths = [each.original_path.decode() for each in bin_items.list_items(conn, "files", wanted).items]
    assert paths == found


def test_search_gives_up_a_page_after_so_many_items_and_goes_on(files: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bin_items, "MOST_SCANNED", 4)
    put(files, *(item(str(n), deleted_at=NOW - n) for n in range(10)))
    keep: Callable[[RecycledRecord], bool] = lambda record: record.bin_path in (b"0/x", b"8/x")  # noqa: E731

    assert pages(files, 5, BinFilter(keep=keep)) == [["0"], [], ["8"]]


@pytest.mark.parametrize("cursor", ["eA", "MQ", "Ojo", "MTotMQ", "é", "OTIyMzM3MjAzNjg1NDc3NTgwODox"])
def test_a_cursor_of_another_list_is_refused(files: Store, cursor: str) -> None:
    with files.reading() as conn, pytest.raises(Refused):
        bin_items.list_items(conn, "files", cursor=cursor)


# --- Single items ---------------------------------------------------------------------------------------------------------


def test_items_are_found_by_their_names_whatever_lies_beside_them(files: Store) -> None:
    put(files, item("abc"), item("ab"), item("ab-c"), item("ab0"))
    put(files, item("bare", bin_path=b"bare"))
    put(files, item("ab"), datasource="other")

    with files.reading() as conn:
        found = bin_items.find(conn, "files", ["bare", "ab", "abc", "ab"])
        assert [bin_items.item_of(each.bin_path) for each in found] == ["bare", "ab", "abc", "ab"]
        assert bin_items.find(conn, "files", []) == []
        for missing in ("a", "ab/x", "", "ab%"):
            with pytest.raises(NotFound, match="there is no item"):
                bin_items.get(conn, "files", missing)


def test_many_items_are_found_at_once(files: Store) -> None:
    wanted = [f"{n:04}" for n in range(501)]
    put(files, *map(item, wanted))

    with files.reading() as conn:
        assert [bin_items.item_of(each.bin_path) for each in bin_items.find(conn, "files", wanted)] == wanted


def test_of_a_path_the_last_deletion_is_meant(files: Store) -> None:
    put(files, item("1", "a"), item("2", "a", deleted_at=NOW + 1), item("3", "a/b", deleted_at=NOW + 2))

    with files.reading() as conn:
        assert bin_items.at_path(conn, "files", b"a").bin_path == b"2/x"
        with pytest.raises(NotFound):
            bin_items.at_path(conn, "files", b"b")


def test_items_are_found_by_their_numbers_in_the_order_asked_for(files: Store) -> None:
    put(files, *(item(str(n), deleted_at=NOW + n) for n in range(3)))
    with files.reading() as conn:
        first, second, third = (each.id or 0 for each in reversed(list(bin_items.all_items(conn, "files"))))

        found = bin_items.with_numbers(conn, [third, 10**9, first, second])

        assert [bin_items.item_of(each.bin_path) for each in found] == ["2", "0", "1"]


# --- Counts ---------------------------------------------------------------------------------------------------------------


def test_bins_are_counted_by_datasource(files: Store) -> None:
    put(files, item("1", bytes=2**61), item("2", bytes=2**61, hold="why"))

    with files.reading() as conn:
        assert bin_items.counts(conn, "files") == BinCounts(items=2, bytes=2**62, held=1)
        assert bin_items.counts(conn, "other") == BinCounts()
        assert bin_items.counts_of_all(conn) == {"files": BinCounts(items=2, bytes=2**62, held=1)}


def test_what_is_remembered_of_a_bin_is_read(files: Store) -> None:
    with files.writing() as conn:
        conn.execute(insert(bins), {"datasource": "files", "last_purge": '{"at":1}', "doubt": '{"items":7}'})

    with files.reading() as conn:
        known = BinState(last_purge={"at": 1}, doubt={"items": 7})
        assert (bin_items.state(conn, "files"), bin_items.state(conn, "other")) == (known, BinState())
        assert bin_items.states(conn) == {"files": known}


# --- Holds ----------------------------------------------------------------------------------------------------------------


def test_items_are_held_and_released(files: Store) -> None:
    put(files, item("1"), item("2"), item("3", hold="before"))

    with files.writing() as conn:
        assert bin_holds.hold(conn, "files", ["1", "2", "1"], "a case") == ["1", "2"]
        assert bin_holds.hold(conn, "files", ["1", "3"], "a case") == ["3"]
        assert bin_holds.release(conn, "files", ["1"]) == ["1"]
        assert bin_holds.release(conn, "files", ["1"]) == []

    with files.reading() as conn:
        assert [each.hold for each in bin_items.find(conn, "files", ["1", "2", "3"])] == [None, "a case", "a case"]


def test_what_is_just_being_taken_out_can_be_held_no_more(files: Store) -> None:
    put(files, item("1"), item("2"))
    with files.writing() as conn:
        conn.execute(update(recycled_table).where(recycled_table.c.bin_path == b"2/x").values(claimed_by="task"))

    with pytest.raises(Refused, match="just being taken out"), files.writing() as conn:
        bin_holds.hold(conn, "files", ["1", "2"], "a case")
    with pytest.raises(NotFound), files.writing() as conn:
        bin_holds.hold(conn, "files", ["1", "3"], "a case")

    with files.reading() as conn:
        assert bin_items.get(conn, "files", "1").hold is None


# --- Removal --------------------------------------------------------------------------------------------------------------


def test_items_of_a_datasource_are_forgotten_batch_by_batch(files: Store) -> None:
    put(files, *(item(str(n)) for n in range(5)))
    put(files, item("5"), datasource="other")

    batches: list[Removed] = []
    with files.writing() as conn:
        while not batches or batches[-1].more:
            batches.append(bin_items.remove_batch(conn, "files", limit=2))

    assert [batch.rows for batch in batches] == [2, 2, 1]
    with files.reading() as conn:
        assert set(bin_items.counts_of_all(conn)) == {"other"}
