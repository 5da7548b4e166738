"""What the actor `index` does with what changed, what it reads, and what it remembers."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from actors.stored_index import StoredIndex
from rota.errors import Cancelled, PermanentError, TemporaryError
from store.queries import datasources
from tests.integration.actors.indexed import NAME, Indexed, Opened
from tests.trees import File, Link

TREE = {
    "letters": {"one.txt": b"a spade is a spade", "two.md": b"# Gardening\nwith patience"},
    "empty": {},
    "blank.txt": b"",
    "link": Link("/etc"),
    b"\xff\n.txt": b"an odd name",
}


@pytest.fixture
def filled(indexed: Indexed) -> Indexed:
    """The datasource with a tree in it, synced and indexed once."""
    indexed.follow(TREE)
    return indexed


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Opened:
    return Opened(monkeypatch)


def told(indexed: Indexed, level: str) -> list[str]:
    return [message for each, message in indexed.run.log.lines if each == level]


def test_everything_in_the_catalog_is_found_by_name_and_by_content(indexed: Indexed) -> None:
    result = indexed.follow(TREE)

    assert indexed.is_exact()
    assert indexed.find("spade") == {"letters/one.txt"}
    assert indexed.find("with patience") == {"letters/two.md"}
    assert indexed.find("letters") == {"letters"}
    assert (result.documents, result.removed, result.errors, result.read) == (7, 0, 0, 3)
    assert result.bytes == len(b"a spade is a spade# Gardening\nwith patiencean odd name")


def test_an_empty_catalog_has_an_empty_index(indexed: Indexed) -> None:
    result = indexed.index()

    assert (result.documents, result.generation) == (0, 1)
    assert indexed.documents() == {}


def test_what_is_new_changed_and_gone_is_brought_in(filled: Indexed) -> None:
    (filled.root / "letters" / "one.txt").write_text("a shovel")
    (filled.root / "letters" / "two.md").unlink()
    filled.write({"letters": {"three.txt": b"rakes"}})

    result = filled.follow()

    assert filled.is_exact()
    assert (filled.find("spade"), filled.find("shovel")) == (set(), {"letters/one.txt"})
    assert (filled.find("patience"), filled.find("rakes")) == (set(), {"letters/three.txt"})
    assert (result.read, result.errors, result.generation) == (2, 0, 1)


def test_nothing_to_do_is_quick_and_silent(filled: Indexed, opened: Opened) -> None:
    with opened.counted() as paths:
        result = filled.follow()

    assert (result.documents, result.removed, result.folders) == (0, 0, 0)
    assert filled.run.events == []
    assert paths == []


def test_a_change_of_names_alone_opens_no_file(filled: Indexed, opened: Opened) -> None:
    with opened.counted() as paths:
        filled.follow({"another": {}, "link2": Link("/")})
        assert filled.is_exact()
        shutil.rmtree(filled.root / "another")
        filled.follow()
        assert filled.is_exact()
    assert paths == []


@pytest.mark.parametrize("target", ["a-before", "zz-behind", "empty/below"])
def test_what_moved_is_not_read_again(filled: Indexed, opened: Opened, target: str) -> None:
    (filled.root / "letters").rename(filled.root / target)

    with opened.counted() as paths:
        result = filled.follow()

    assert filled.is_exact()
    assert filled.find("spade") == {f"{target}/one.txt"}
    assert (result.read, paths) == (0, [])


def test_copies_are_not_read_where_a_hash_tells_that_they_are(indexed: Indexed) -> None:
    indexed.write({"one": {"x.txt": b"the same words"}})
    indexed.sync(hash=True)
    indexed.index()
    indexed.write({"two": {"y.txt": b"the same words"}})
    indexed.sync(hash=True)

    assert indexed.index().read == 0
    assert indexed.find("words") == {"one/x.txt", "two/y.txt"}
    assert indexed.is_exact()


def test_a_file_that_gives_no_text_is_listed_and_read_again_when_it_changes(indexed: Indexed) -> None:
    first = indexed.follow({"broken.json": b"\0\1\2 {", "fine.txt": b"fine"}, full=False)
    broken = set(indexed.unread())
    assert first.errors == len(broken)

    indexed.rule(largest_read=3)
    indexed.write({"long.txt": b"four"})
    result = indexed.follow()
    assert result.errors == 1
    assert indexed.unread()["long.txt"] == "too_large"
    assert indexed.is_exact()

    (indexed.root / "long.txt").write_bytes(b"few")
    result = indexed.follow()
    assert "long.txt" not in indexed.unread()
    assert indexed.find("few") == {"long.txt"}

    (indexed.root / "long.txt").unlink()
    indexed.follow()
    assert indexed.is_exact()


def test_a_file_without_text_is_forgotten_when_it_is_gone(indexed: Indexed) -> None:
    indexed.rule(largest_read=3)
    indexed.follow({"long.txt": b"four", "longer.txt": b"fifth"})
    assert set(indexed.unread()) == {"long.txt", "longer.txt"}

    (indexed.root / "long.txt").unlink()
    (indexed.root / "longer.txt").rename(indexed.root / "moved.txt")
    indexed.follow()

    assert set(indexed.unread()) == {"moved.txt"}
    assert indexed.is_exact()


def test_what_gave_no_text_is_tried_again_when_asked(indexed: Indexed) -> None:
    indexed.rule(largest_read=3)
    indexed.follow({"long.txt": b"four", "a": {"longer.txt": b"a few words more"}})
    indexed.rule(largest_read=5)
    assert indexed.index().read == 0

    result = indexed.index(unread=True)

    assert (result.read, result.errors) == (1, 1)
    assert indexed.unread() == {"a/longer.txt": "too_large"}
    assert indexed.find("four") == {"long.txt"}
    assert indexed.is_exact()


def test_what_has_no_text_by_its_type_is_not_opened_and_not_listed(indexed: Indexed, opened: Opened) -> None:
    with opened.counted() as paths:
        indexed.follow({"film.mkv": b"x" * 10, "program.exe": b"MZ", "pack.zst": b"(", "notes": b"plain words"})

    assert paths == ["notes"]
    assert indexed.unread() == {}
    assert indexed.find("film") == {"film.mkv"}
    assert indexed.find("plain") == {"notes"}


def test_a_file_that_is_gone_is_found_by_name_and_told(indexed: Indexed) -> None:
    indexed.write({"sub": {"gone.txt": b"text", "there.txt": b"text"}})
    indexed.sync()
    (indexed.root / "sub" / "gone.txt").unlink()

    result = indexed.index()

    assert (result.errors, result.read) == (1, 2)
    assert indexed.unread() == {"sub/gone.txt": "unreadable"}
    assert indexed.find("gone") == {"sub/gone.txt"}
    (event,) = [event for event in indexed.run.events if event.type == "storage.changed"]
    assert event.data == {"datasource": NAME, "paths": ["sub"]}

    indexed.follow()
    assert indexed.unread() == {}
    assert indexed.is_exact()


def test_a_file_that_changed_since_the_sync_is_told_and_read_again_later(indexed: Indexed) -> None:
    indexed.write({"log.txt": b"early"})
    indexed.sync()
    indexed.write({"log.txt": b"early and late"})

    indexed.index()

    assert [event.data["paths"] for event in indexed.run.events if event.type == "storage.changed"] == [[""]]
    indexed.follow()
    assert indexed.find("late") == {"log.txt"}
    assert indexed.is_exact()


def test_a_storage_that_is_away_fails_the_run_and_nothing_is_lost(indexed: Indexed) -> None:
    indexed.follow(TREE)
    indexed.write({"letters": {"new.txt": b"novelty"}})
    indexed.sync()
    away = indexed.root.with_name("away")
    indexed.root.rename(away)

    with pytest.raises(TemporaryError):
        indexed.index()
    assert indexed.find("spade") == {"letters/one.txt"}

    away.rename(indexed.root)
    indexed.index()
    assert indexed.find("novelty") == {"letters/new.txt"}
    assert indexed.is_exact()


def test_without_contents_names_are_found_and_no_file_is_opened(indexed: Indexed, opened: Opened) -> None:
    indexed.rule(contents=False)
    with opened.counted() as paths:
        indexed.follow(TREE)

    assert indexed.is_exact()
    assert (indexed.find("spade"), indexed.find("two")) == (set(), {"letters/two.md"})
    assert paths == []


def test_contents_that_are_switched_on_and_off_lead_to_another_generation(filled: Indexed) -> None:
    filled.rule(contents=False, largest_read=3)
    assert filled.index().generation == 2
    assert (filled.find("spade"), filled.find("one")) == (set(), {"letters/one.txt"})

    filled.rule()
    result = filled.index()
    assert (result.generation, result.read) == (3, 3)
    assert filled.find("spade") == {"letters/one.txt"}
    assert filled.engine.generations(NAME) == [3]
    assert filled.is_exact()


def test_another_language_rebuilds_the_index_without_reading_a_file(indexed: Indexed, opened: Opened) -> None:
    indexed.follow({"one.txt": b"several reports", "two.txt": b"one report"})
    assert indexed.find("report") == {"two.txt"}

    indexed.rule(language="english")
    with opened.counted() as paths:
        result = indexed.index()

    assert indexed.find("report") == {"one.txt", "two.txt"}
    assert (result.generation, result.read, paths) == (2, 0, [])
    assert indexed.record().live_shape is not None
    assert indexed.record().live_shape.language == "english"
    assert indexed.engine.generations(NAME) == [2]


def test_what_is_not_to_be_searched_loses_its_index(filled: Indexed) -> None:
    filled.rule(index=False)

    result = filled.index()

    assert result.generation is None
    assert filled.record().live is None
    assert filled.engine.generations(NAME) == []
    assert filled.stale() == set()
    filled.rule()
    assert filled.index().generation == 2
    assert filled.find("spade") == {"letters/one.txt"}
    assert filled.is_exact()


def test_a_full_run_reads_everything_anew(filled: Indexed, opened: Opened) -> None:
    with opened.counted() as paths:
        result = filled.index(full=True)

    assert (result.generation, result.read, result.documents, len(paths)) == (2, 3, 7, 3)
    assert filled.engine.generations(NAME) == [2]
    assert filled.record().building is None
    assert filled.is_exact()
    assert [event.data for event in filled.run.events] == [
        {"datasource": NAME, "documents": 7, "removed": 0, "errors": 0, "generation": 2}
    ]


def test_an_index_whose_files_were_removed_is_built_anew(filled: Indexed, tmp_path: Path) -> None:
    filled.engine.close()
    shutil.rmtree(tmp_path / "search")

    result = filled.index()

    assert (result.generation, result.documents) == (2, 7)
    assert filled.find("spade") == {"letters/one.txt"}
    assert filled.is_exact()


def test_an_index_that_is_broken_is_built_anew(filled: Indexed, tmp_path: Path) -> None:
    for meta in (tmp_path / "search").rglob("meta.json"):
        meta.write_text("no json")
    filled.write({"new.txt": b"x"})

    assert filled.follow().generation == 2
    assert filled.is_exact()


def test_a_run_that_finds_the_index_held_leaves_its_changes_to_the_holder(filled: Indexed) -> None:
    filled.write({"late.txt": b"lately"})
    filled.sync()
    holder = StoredIndex(filled.store, lambda: filled.engine, NAME, run="other")
    assert holder.hold("other-task") is None

    result = filled.index()
    assert (result.documents, result.generation) == (0, None)
    assert told(filled, "info") == [f"{NAME}: task other-task is indexing, and takes this along"]
    with pytest.raises(TemporaryError, match="other-task"):
        filled.index(full=True)

    holder.release()
    filled.index()
    assert filled.find("lately") == {"late.txt"}


def test_what_changes_while_the_holder_lets_go_is_taken_along(filled: Indexed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another run is turned away in the last moment of the hold: its change must not be left behind."""
    real = StoredIndex.release
    turned_away = []

    def release(self: StoredIndex) -> None:
        if not turned_away:
            filled.write({"late.txt": b"lately"})
            filled.sync()
            other = StoredIndex(filled.store, lambda: filled.engine, NAME, run="other")
            turned_away.append(other.hold("other-task"))
        real(self)

    monkeypatch.setattr(StoredIndex, "release", release)
    filled.follow({"early.txt": b"x"})

    assert turned_away == ["01900000-0000-7000-8000-000000000002"]
    assert filled.find("lately") == {"late.txt"}
    assert filled.is_exact()


def test_a_cancelled_run_ends_at_once_and_the_next_one_goes_on(indexed: Indexed) -> None:
    indexed.write({f"d{n}": {"x.txt": b"words"} for n in range(50)})
    indexed.sync()
    run = indexed.new_run()
    run.interrupt(Cancelled())
    with pytest.raises(Cancelled):
        indexed.index(run)

    indexed.index()

    assert indexed.is_exact()
    assert len(indexed.find("words")) == 50


def test_progress_is_told_in_entries_with_bytes(indexed: Indexed) -> None:
    indexed.follow(TREE)

    last = indexed.run.reports[-1]
    assert (last.done, last.total, last.unit) == (7, 7, "entries")
    assert last.text.startswith(f"{NAME}: 54 bytes")


def test_what_a_run_did_and_the_size_of_the_index_are_remembered(filled: Indexed) -> None:
    record = filled.record()

    assert (record.documents, record.live, record.building) == (7, 1, None)
    assert record.bytes > 0
    assert record.last_run is not None
    assert record.last_run["documents"] == 7


def test_a_datasource_that_nobody_knows_fails_for_good(indexed: Indexed) -> None:
    with indexed.store.writing() as conn:
        datasources.delete(conn, NAME)
    with pytest.raises(PermanentError, match="files"):
        indexed.index()


def test_a_folder_of_30_000_files_with_one_change_is_quick(indexed: Indexed, opened: Opened) -> None:
    indexed.rule(contents=False)
    folder = indexed.root / "many"
    folder.mkdir()
    for n in range(30_000):
        os.close(os.open(f"{folder}/{n}.txt", os.O_CREAT | os.O_WRONLY))
    indexed.sync()
    whole = _seconds(indexed)
    indexed.write({"many": {"new.txt": File(b"x")}})
    indexed.sync()

    one = _seconds(indexed)

    assert indexed.run.log.lines
    assert one < whole / 3, f"{one:.2f} s against {whole:.2f} s"
    assert indexed.is_exact()


def _seconds(indexed: Indexed) -> float:
    """Index, and give how long this thread computed: of the time that passes, others take some."""
    begin = time.thread_time()
    indexed.index()
    return time.thread_time() - begin
