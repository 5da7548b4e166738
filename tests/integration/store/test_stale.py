"""Each change of a catalog marks the folder that it is in, and a mark is settled only by whoever saw it."""

from __future__ import annotations

import pytest

from store.engine import Store
from store.queries import catalog, stale
from store.records import EntryChange, FolderChange, Lag, StaleFolder
from tests.factories import NOW

pytestmark = pytest.mark.usefixtures("files")


def entry(folder: bytes, name: bytes, **fields: object) -> EntryChange:
    defaults: dict[str, object] = {"kind": "file", "size": 5, "modified_ns": NOW}
    return EntryChange(folder=folder, name=name, **(defaults | fields))  # type: ignore[arg-type]


def apply(store: Store, *, at: int = NOW, **changes: object) -> None:
    with store.writing() as conn:
        catalog.apply_changes(conn, "files", run="r", at=at, **changes)  # type: ignore[arg-type]


def marked(store: Store, name: str = "files") -> list[StaleFolder]:
    with store.reading() as conn:
        return stale.next_stale(conn, name)


def paths(store: Store) -> list[bytes]:
    return [folder.path for folder in marked(store)]


def mark(store: Store, *folders: bytes, at: int = NOW, name: str = "files") -> None:
    with store.writing() as conn:
        stale.mark(conn, name, folders, at=at)


def settle(store: Store, *folders: StaleFolder) -> None:
    with store.writing() as conn:
        stale.settle(conn, "files", folders)


@pytest.fixture
def settled(store: Store) -> Store:
    """A catalog of which everything is indexed."""
    apply(
        store,
        changed_folders=[FolderChange(path=b"", digest=b"1" * 8), FolderChange(path=b"a", digest=b"1" * 8)],
        changed_entries=[entry(b"", b"a", kind="folder"), entry(b"a", b"x"), entry(b"a", b"caf\xe9")],
    )
    with store.writing() as conn:
        stale.clear(conn, "files")
    return store


# --- What marks -----------------------------------------------------------------------------------------------------------


def test_a_created_entry_marks_its_folder_which_may_be_new(settled: Store) -> None:
    apply(settled, changed_entries=[entry(b"a", b"new"), entry(b"b\xff/c", b"y")])

    assert paths(settled) == [b"a", b"b\xff/c"]


def test_an_updated_entry_marks_its_folder(settled: Store) -> None:
    apply(settled, changed_entries=[entry(b"a", b"x", size=6)])

    assert paths(settled) == [b"a"]


def test_a_deleted_entry_marks_its_folder(settled: Store) -> None:
    apply(settled, removed_entries=[(b"a", b"x")])

    assert paths(settled) == [b"a"]


def test_a_moved_entry_marks_both_folders(settled: Store) -> None:
    apply(settled, removed_entries=[(b"a", b"x")], changed_entries=[entry(b"", b"x")])

    assert paths(settled) == [b"", b"a"]


def test_a_removed_folder_is_marked_with_the_one_that_it_was_in(settled: Store) -> None:
    apply(settled, removed_entries=[(b"", b"a")], removed_folders=[b"a"])

    assert paths(settled) == [b"", b"a"]


def test_a_folder_that_the_catalog_never_had_is_marked_when_it_is_removed(settled: Store) -> None:
    apply(settled, removed_folders=[b"never"])

    assert paths(settled) == [b"never"]


def test_a_folder_whose_entries_are_the_same_is_not_marked(settled: Store) -> None:
    apply(settled, changed_folders=[FolderChange(path=b"a", digest=b"2" * 8, token="t")])

    assert paths(settled) == []


def test_changes_of_thousands_of_folders_mark_each_once(store: Store) -> None:
    folders = [b"%05d" % n for n in range(3_000)]

    apply(store, changed_entries=[entry(folder, name) for folder in folders for name in (b"x", b"y")])

    with store.reading() as conn:
        assert stale.lag(conn, "files").folders == 3_000


def test_a_change_that_is_rolled_back_marks_nothing(settled: Store) -> None:
    def change_and_fail() -> None:
        with settled.writing() as conn:
            catalog.apply_changes(conn, "files", run="r", at=NOW, changed_entries=[entry(b"a", b"new")])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        change_and_fail()

    assert paths(settled) == []


# --- Settling -------------------------------------------------------------------------------------------------------------


def test_a_folder_that_was_indexed_is_settled(store: Store) -> None:
    mark(store, b"a", b"b")

    settle(store, marked(store)[0])

    assert paths(store) == [b"b"]


def test_a_change_that_came_meanwhile_is_not_settled(store: Store) -> None:
    mark(store, b"a")
    (seen,) = marked(store)
    apply(store, changed_entries=[entry(b"a", b"x")])

    settle(store, seen)

    (left,) = marked(store)
    assert (left.path, left.mark != seen.mark) == (b"a", True)
    settle(store, left)
    assert marked(store) == []


def test_a_folder_that_was_settled_and_changed_again_is_not_settled_twice(store: Store) -> None:
    mark(store, b"a")
    (seen,) = marked(store)
    settle(store, seen)
    mark(store, b"a")

    settle(store, seen)

    assert paths(store) == [b"a"]


def test_datasources_are_settled_and_cleared_by_themselves(store: Store) -> None:
    mark(store, b"a")
    mark(store, b"a", name="other")
    (theirs,) = marked(store, "other")

    settle(store, theirs)
    assert paths(store) == [b"a"]
    with store.writing() as conn:
        stale.clear(conn, "files")

    assert (paths(store), marked(store, "other")) == ([], [theirs])


def test_folders_are_given_in_the_order_of_paths_page_by_page(store: Store) -> None:
    folders = [b"", b"A", b"a", b"a-b", b"a/b", b"\xff"]
    mark(store, *reversed(folders))

    found: list[bytes] = []
    while True:
        with store.reading() as conn:
            page = stale.next_stale(conn, "files", after=found[-1] if found else None, limit=2)
        if not page:
            break
        found += [folder.path for folder in page]

    assert found == folders


# --- Lag ------------------------------------------------------------------------------------------------------------------


def test_lag_counts_from_the_first_change_that_is_not_indexed(store: Store) -> None:
    apply(store, at=NOW + 5, changed_entries=[entry(b"b", b"x")])
    apply(store, at=NOW, changed_entries=[entry(b"a", b"x")])
    apply(store, at=NOW + 9_000, changed_entries=[entry(b"a", b"y")])
    mark(store, b"a", at=NOW + 9_000)

    with store.reading() as conn:
        assert stale.lag(conn, "files") == Lag("files", 2, NOW)
        assert stale.lag(conn, "other") == Lag("other", 0, None)
        assert stale.lags(conn) == [Lag("files", 2, NOW)]


def test_lag_ends_with_the_folder_that_was_last(store: Store) -> None:
    mark(store, b"a", at=NOW)
    mark(store, b"b", at=NOW + 1_000)

    settle(store, marked(store)[0])

    with store.reading() as conn:
        found = stale.lag(conn, "files")
    assert found == Lag("files", 1, NOW + 1_000)
    assert (found.seconds(NOW + 3_500), found.seconds(NOW)) == (2.5, 0)
    assert Lag("files", 0, None).seconds(NOW) == 0


def test_asking_for_stale_folders_tells_which_of_some_are(store: Store) -> None:
    mark(store, b"a", b"b")
    mark(store, b"c", name="other")

    with store.reading() as conn:
        assert stale.among(conn, "files", [b"a", b"c", b"d"]) == {b"a"}
        assert stale.among(conn, "files", []) == set()
