"""What the actor `check-index` finds and mends."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from actors.check_index import CheckIndexParams, check_index
from actors.indexing.identity import document_id
from actors.search_index import Unread
from actors.stored_index import StoredIndex
from rota.errors import TemporaryError
from store.search.engine import Document
from tests.integration.actors.indexed import NAME, Indexed

TREE = {"a": {"x.txt": b"one", "y.txt": b"two"}, "b": {"z.txt": b"three"}, "c": {}}


@pytest.fixture
def filled(indexed: Indexed) -> Indexed:
    indexed.follow(TREE)
    return indexed


def spoil(indexed: Indexed, *, remove: Sequence[bytes] = (), add: Sequence[Document] = ()) -> None:
    """Change the index behind everybody's back."""
    record = indexed.record()
    assert record.live is not None
    assert record.live_shape is not None
    catalog = indexed.new_run().catalog(NAME)
    ids = []
    for path in remove:
        row = catalog.entry(path)
        ids.append(document_id(path.rpartition(b"/")[0], row))
    writer = indexed.engine.writer(NAME, record.live, record.live_shape)
    writer.remove(ids)
    writer.add(add)
    writer.commit()
    writer.close()


def test_an_index_that_is_right_has_no_findings(filled: Indexed) -> None:
    found = filled.check()

    assert found.model_dump() == {"missing": 0, "surplus": 0, "folders": 0, "repaired": 0, "unread": 0}
    last = filled.record().last_check
    assert last is not None
    assert (last["missing"], last["surplus"]) == (0, 0)


def test_what_is_missing_and_what_is_surplus_is_told_and_mended(filled: Indexed) -> None:
    ghosts = [Document(1, 0, b"b", b"ghost", "file", 0, 0), Document(2, 0, b"nowhere/at/all", b"ghost", "file", 0, 0)]
    spoil(filled, remove=[b"a", b"a/x.txt", b"b/z.txt"], add=ghosts)

    found = filled.check()

    assert (found.missing, found.surplus, found.folders, found.repaired) == (3, 2, 4, 4)
    assert filled.is_exact()
    assert filled.find("three") == {"b/z.txt"}
    assert {message for level, message in filled.run.log.lines if level == "warning"} == {
        "the root: 1 entries missing, 0 documents surplus",
        "a: 1 entries missing, 0 documents surplus",
        "b: 1 entries missing, 1 documents surplus",
        "nowhere/at/all: 0 entries missing, 1 documents surplus",
    }
    assert filled.check().folders == 0


def test_without_repair_it_is_only_told(filled: Indexed) -> None:
    spoil(filled, remove=[b"a/x.txt"])

    found = filled.check(repair=False)

    assert (found.missing, found.repaired) == (1, 0)
    assert filled.find("one") == set()
    assert filled.stale() == set()


def test_what_changes_meanwhile_is_no_difference(filled: Indexed) -> None:
    filled.write({f"new{n}": {"x.txt": b"new"} for n in range(5)})
    filled.sync()
    (filled.root / "b" / "z.txt").unlink()
    done: list[int] = []

    def change(_: int) -> None:
        if len(done) < 4:
            done.append(1)
            filled.write({"a": {f"during{len(done)}.txt": b"x"}, f"during{len(done)}": {}})
            filled.sync()

    filled.run = filled.new_run()
    filled.run.on_check = change
    found = check_index(filled.run, CheckIndexParams(datasource=NAME))

    assert (found.missing, found.surplus) == (0, 0)
    assert len(done) == 4
    filled.follow()
    assert filled.is_exact()


def test_needless_notes_of_files_without_text_are_forgotten(indexed: Indexed) -> None:
    indexed.rule(largest_read=3)
    indexed.follow({"long.txt": b"four", "few.txt": b"few"})
    known = StoredIndex(indexed.store, lambda: indexed.engine, NAME, run="test")
    assert known.hold("test") is None
    row = indexed.new_run().catalog(NAME).entry(b"few.txt")
    known.settle_unread(
        [Unread(7, b"gone.txt", "broken", "x"), Unread(document_id(b"", row), b"few.txt", "timeout", "x")], ()
    )
    known.release()
    assert set(indexed.unread()) == {"long.txt", "gone.txt", "few.txt"}

    found = indexed.check()

    assert found.unread == 1
    assert indexed.unread() == {"long.txt": "too_large"}


def test_generations_that_nobody_knows_are_dropped(filled: Indexed) -> None:
    record = filled.record()
    assert record.live_shape is not None
    filled.engine.writer(NAME, 9, record.live_shape).close()

    filled.check()

    assert filled.engine.generations(NAME) == [1]


def test_a_datasource_without_an_index_has_no_findings(indexed: Indexed) -> None:
    assert indexed.check().folders == 0


def test_a_held_index_is_checked_later(filled: Indexed) -> None:
    holder = StoredIndex(filled.store, lambda: filled.engine, NAME, run="other")
    assert holder.hold("other-task") is None

    with pytest.raises(TemporaryError, match="other-task"):
        filled.check()
    holder.release()
