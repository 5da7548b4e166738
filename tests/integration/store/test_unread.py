"""Files that gave no text are kept with the reason, until they are gone or give it."""

from __future__ import annotations

import pytest

from rota.errors import Refused
from store.engine import Store
from store.queries import unread
from store.records import UnreadRecord
from tests.factories import NOW

pytestmark = pytest.mark.usefixtures("files")

HIGHEST = 2**63 - 1


def record(document: int, path: bytes = b"a/x.pdf", **fields: object) -> UnreadRecord:
    defaults: dict[str, object] = {"reason": "encrypted", "message": "it has a password", "at": NOW, "run": "r"}
    return UnreadRecord(document=document, path=path, **(defaults | fields))  # type: ignore[arg-type]


def put(store: Store, *found: UnreadRecord, name: str = "files") -> None:
    with store.writing() as conn:
        unread.put(conn, name, found)


def pages(store: Store, limit: int) -> list[list[int]]:
    found, cursor = [], None
    while True:
        with store.reading() as conn:
            page = unread.list_unread(conn, "files", cursor=cursor, limit=limit)
        found.append([each.document for each in page.items])
        if page.next is None:
            return found
        cursor = page.next


def test_a_file_comes_back_as_it_was_whatever_its_name_is_made_of(store: Store) -> None:
    given = record(HIGHEST, b"caf\xe9/\xff", reason="broken", message="no PDF: é", run=None)

    put(store, given)

    with store.reading() as conn:
        assert unread.list_unread(conn, "files").items == [given]
        assert unread.list_unread(conn, "other").items == []


def test_a_file_that_fails_again_is_kept_once_with_the_newest_reason(store: Store) -> None:
    put(store, record(1, reason="timeout"), record(2))
    put(store, record(1, reason="broken", at=NOW + 5, run="later"))

    with store.reading() as conn:
        found = unread.list_unread(conn, "files").items
    assert [(each.document, each.reason, each.at, each.run) for each in found] == [
        (1, "broken", NOW + 5, "later"), (2, "encrypted", NOW, "r"),
    ]  # fmt: skip


def test_documents_that_are_gone_are_forgotten(store: Store) -> None:
    put(store, *map(record, range(2_500)))
    put(store, record(7), name="other")

    with store.writing() as conn:
        unread.remove(conn, "files", iter([*range(2_499), HIGHEST]))
        unread.remove(conn, "files", [])

    with store.reading() as conn:
        assert [each.document for each in unread.list_unread(conn, "files").items] == [2_499]
        assert unread.count(conn, "other") == 1


def test_files_are_counted_by_datasource(store: Store) -> None:
    put(store, record(1), record(2))
    with store.reading() as conn:
        assert (unread.count(conn, "files"), unread.count(conn, "other")) == (2, 0)
        assert unread.counts(conn) == {"files": 2}

    with store.writing() as conn:
        unread.clear(conn, "files")

    with store.reading() as conn:
        assert unread.counts(conn) == {}


def test_pages_hold_every_file_once(store: Store) -> None:
    put(store, *(record(number) for number in (0, 1, 2**40, HIGHEST - 1, HIGHEST)))

    assert pages(store, 2) == [[0, 1], [2**40, HIGHEST - 1], [HIGHEST]]
    assert pages(store, 5) == [[0, 1, 2**40, HIGHEST - 1, HIGHEST]]


def test_a_page_goes_on_behind_a_file_that_was_forgotten_meanwhile(store: Store) -> None:
    put(store, *map(record, range(4)))
    with store.writing() as conn:
        cursor = unread.list_unread(conn, "files", limit=2).next
        unread.remove(conn, "files", [1, 2])

    with store.reading() as conn:
        assert [each.document for each in unread.list_unread(conn, "files", cursor=cursor).items] == [3]


@pytest.mark.parametrize("cursor", ["LTE", "eA", "OTIyMzM3MjAzNjg1NDc3NTgwOA", "é"])
def test_a_cursor_of_another_list_is_refused(store: Store, cursor: str) -> None:
    with store.reading() as conn, pytest.raises(Refused):
        unread.list_unread(conn, "files", cursor=cursor)
