"""Which generation of an index is searched and which is being built, who writes to it, and what is remembered."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from rota.errors import NotFound
from store.engine import Store
from store.queries import catalog, datasources, indexes, stale, unread
from store.records import DatasourceRecord, EntryChange, IndexRecord, UnreadRecord
from store.search.engine import Index, Shape
from store.tables import indexes as indexes_table
from store.tables import stale_folders
from store.tables import unread as unread_table
from tests.factories import NOW

NAMES = Shape(contents=False, language="none", extractors="")
TEXTS = Shape(contents=True, language="french", extractors="pdf 1")
MINUTE = 60_000

pytestmark = pytest.mark.usefixtures("files")


def find(store: Store, name: str = "files") -> IndexRecord | None:
    with store.reading() as conn:
        return indexes.find(conn, name)


def live(store: Store) -> list[Index]:
    with store.reading() as conn:
        return indexes.live(conn)


def begin(store: Store, shape: Shape = TEXTS, name: str = "files") -> int:
    with store.writing() as conn:
        return indexes.begin(conn, name, shape)


def go_live(store: Store, generation: int) -> None:
    with store.writing() as conn:
        indexes.go_live(conn, "files", generation)


# --- Generations ----------------------------------------------------------------------------------------------------------


def test_an_index_is_made_once_for_a_datasource_that_there_is(store: Store) -> None:
    with store.writing() as conn:
        first = indexes.ensure(conn, "files")
        assert indexes.ensure(conn, "files") == first
        with pytest.raises(NotFound):
            indexes.ensure(conn, "nowhere")

    assert (first.live, first.building, first.last_generation, first.last_run) == (None, None, 0, None)
    assert first.searched is None
    assert find(store, "other") is None


def test_the_first_generation_is_searched_while_it_is_built(store: Store) -> None:
    assert begin(store) == 1

    assert live(store) == [Index("files", 1, TEXTS)]
    found = find(store)
    assert found is not None
    assert (found.live, found.building, found.building_shape) == (1, 1, TEXTS)


def test_another_generation_is_searched_only_once_it_is_whole(store: Store) -> None:
    go_live(store, begin(store, NAMES))

    second = begin(store, TEXTS)
    assert live(store) == [Index("files", 1, NAMES)]
    go_live(store, second)

    assert live(store) == [Index("files", 2, TEXTS)]
    found = find(store)
    assert found is not None
    assert (found.building, found.building_shape, found.last_generation) == (None, None, 2)
    assert found.searched == Index("files", 2, TEXTS)


def test_a_generation_that_was_given_up_never_goes_live(store: Store) -> None:
    go_live(store, begin(store))
    given_up = begin(store)
    newer = begin(store, NAMES)

    for generation in (given_up, 1, 99):
        with pytest.raises(NotFound):
            go_live(store, generation)
    go_live(store, newer)

    assert live(store) == [Index("files", 3, NAMES)]
    with pytest.raises(NotFound):  # it is not being built any more
        go_live(store, newer)


def test_numbers_are_never_given_twice(store: Store) -> None:
    go_live(store, begin(store))
    with store.writing() as conn:
        indexes.forget(conn, "files")

    assert live(store) == []
    assert begin(store) == 2


def test_only_what_is_switched_on_is_searched(store: Store) -> None:
    begin(store)
    begin(store, name="other")
    assert [index.datasource for index in live(store)] == ["files", "other"]

    off = DatasourceRecord(name="files", kind="local", root="/srv/files", enabled=False)
    with store.writing() as conn:
        datasources.save(conn, off, at=NOW)

    assert [index.datasource for index in live(store)] == ["other"]


def test_what_is_not_to_be_searched_any_more_is_left_out_before_its_index_is_dropped(store: Store) -> None:
    begin(store)
    begin(store, name="other")

    silent = DatasourceRecord(name="files", kind="local", root="/srv/files", rules={"index": False})
    with store.writing() as conn:
        datasources.save(conn, silent, at=NOW)

    assert [index.datasource for index in live(store)] == ["other"]


def test_what_runs_and_checks_found_is_remembered(store: Store) -> None:
    begin(store)
    with store.writing() as conn:
        indexes.record_run(conn, "files", {"run": "r1", "documents": 5}, documents=9, bytes=700)
        indexes.record_check(conn, "files", {"run": "r2", "missing": 0})
        with pytest.raises(NotFound):
            indexes.record_check(conn, "other", {"run": "r2"})

    with store.reading() as conn:
        (found,) = indexes.list_indexes(conn)
    assert (found.documents, found.bytes) == (9, 700)
    assert (found.last_run, found.last_check) == ({"run": "r1", "documents": 5}, {"run": "r2", "missing": 0})


def test_an_index_that_is_forgotten_has_nothing_to_search(store: Store) -> None:
    begin(store)
    with store.writing() as conn:
        indexes.record_run(conn, "files", {"run": "r"}, documents=9, bytes=700)
        indexes.forget(conn, "files")

    found = find(store)
    assert found is not None
    assert (found.live, found.live_shape, found.building, found.documents, found.bytes) == (None, None, None, 0, 0)


# --- Who writes -----------------------------------------------------------------------------------------------------------


def test_one_task_at_a_time_writes_to_an_index(store: Store) -> None:
    with store.writing() as conn:
        assert indexes.holds.take(conn, "files", task="one", now=NOW, until=NOW + MINUTE) is None  # there is no row
        indexes.ensure(conn, "files")
        fence = indexes.holds.take(conn, "files", task="one", now=NOW, until=NOW + MINUTE)
        assert fence is not None
        assert indexes.holds.take(conn, "files", task="two", now=NOW, until=NOW + MINUTE) is None
        assert indexes.holds.holder(conn, "files") == "one"
        indexes.holds.release(conn, "files", fence=fence)
        assert indexes.holds.take(conn, "files", task="two", now=NOW, until=NOW + MINUTE) == fence + 1


def test_the_next_attempt_takes_over_and_the_old_one_writes_nothing_more(store: Store) -> None:
    with store.writing() as conn:
        indexes.ensure(conn, "files")
        old = indexes.holds.take(conn, "files", task="one", now=NOW, until=NOW + MINUTE)
        new = indexes.holds.take(conn, "files", task="one", now=NOW, until=NOW + MINUTE)
        assert old is not None
        assert new == old + 1
        assert not indexes.holds.keep(conn, "files", fence=old, until=NOW + 2 * MINUTE)
        indexes.holds.release(conn, "files", fence=old)
        assert indexes.holds.holder(conn, "files") == "one"
        assert indexes.holds.keep(conn, "files", fence=new, until=NOW + 2 * MINUTE)


@pytest.mark.parametrize("later", [MINUTE + 1, -3_600_000], ids=["silent", "clock set back"])
def test_a_holder_that_cannot_be_believed_any_more_loses_it(store: Store, later: int) -> None:
    with store.writing() as conn:
        indexes.ensure(conn, "files")
        lost = indexes.holds.take(conn, "files", task="one", now=NOW, until=NOW + MINUTE)
        assert lost is not None
        fence = indexes.holds.take(conn, "files", task="two", now=NOW + later, until=NOW + later + MINUTE)
        assert fence == lost + 1
        assert not indexes.holds.keep(conn, "files", fence=lost, until=NOW + 2 * MINUTE)


def test_holds_of_catalog_and_index_do_not_meet(store: Store) -> None:
    with store.writing() as conn:
        indexes.ensure(conn, "files")
        assert datasources.holds.take(conn, "files", task="sync", now=NOW, until=NOW + MINUTE) is not None
        assert indexes.holds.take(conn, "files", task="index", now=NOW, until=NOW + MINUTE) is not None


# --- Deletion -------------------------------------------------------------------------------------------------------------


def test_a_deleted_datasource_takes_all_of_its_search_along(store: Store) -> None:
    for name in ("files", "other"):
        begin(store, name=name)
        with store.writing() as conn:
            entry = EntryChange(folder=b"", name=b"x", kind="file", size=1, modified_ns=1)
            catalog.apply_changes(conn, name, run="r", at=NOW, changed_entries=[entry])
            stale.mark(conn, name, [b"a"], at=NOW)
            unread.put(conn, name, [UnreadRecord(document=1, path=b"x", reason="broken", message="m", at=NOW)])

    with store.writing() as conn:
        datasources.delete(conn, "files")

    with store.reading() as conn:
        for table in (indexes_table, stale_folders, unread_table):
            assert set(conn.scalars(select(table.c.datasource))) == {"other"}
        assert conn.scalar(select(func.count()).select_from(stale_folders)) == 2
