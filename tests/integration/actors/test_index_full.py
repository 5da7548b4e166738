"""A full index beside the live one: searches go on, changes come in, and a build that was ended goes on where it was."""

from __future__ import annotations

import shutil
import threading

import pytest

from actors.indexing import books, building
from rota.errors import Cancelled, NotFound
from rota.search.query import Query, Word
from tests.integration.actors.indexed import NAME, Indexed, Opened
from tests.waiting import wait_until

FOLDERS, FILES = 40, 5


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many commits, and what changed is looked for between all of them."""
    monkeypatch.setattr(books, "MOST_DOCUMENTS", 20)
    monkeypatch.setattr(building, "_MOST_FOLDERS", 3)
    monkeypatch.setattr(building, "_PAGE", 10)
    monkeypatch.setattr(building, "_DRAIN_SECONDS", 0.0)


@pytest.fixture
def filled(indexed: Indexed) -> Indexed:
    tree = {f"d{n:02}": {f"{k}.txt": f"spade {n} {k}".encode() for k in range(FILES)} for n in range(FOLDERS)}
    indexed.follow(tree)
    return indexed


def test_what_is_known_never_vanishes_from_a_search_during_a_full_index(filled: Indexed) -> None:
    stopped = threading.Event()
    counts: list[int] = []
    errors: list[Exception] = []

    def wait_for_a_search(_number: int) -> None:
        before = len(counts)
        wait_until(lambda: len(counts) > before or errors, timeout=60)

    def search() -> None:
        while not stopped.is_set():
            try:
                searched = filled.record().searched
                assert searched is not None
                found = filled.engine.search(Query("", Word("spade")), [searched], limit=1, seconds=30)
            except NotFound:
                continue  # it was replaced between the two calls: whoever searches asks again which is live
            except Exception as error:
                errors.append(error)
                return
            counts.append(found.total)

    searching = threading.Thread(target=search)
    searching.start()
    try:
        for _ in range(3):
            run = filled.new_run()
            run.on_check = lambda number: wait_for_a_search(number) if number % 10 == 0 else None
            filled.index(run, full=True)
    finally:
        stopped.set()
        searching.join()

    assert errors == []
    assert len(counts) > 10
    assert set(counts) == {FOLDERS * FILES}
    assert filled.record().live == 4


def test_what_changes_during_a_build_is_found_before_it_ends(filled: Indexed) -> None:
    seen: list[set[str]] = []

    def change() -> None:
        filled.write({"a-before": {"x.txt": b"shovel one"}, "zz-behind": {"x.txt": b"shovel two"}})
        filled.write({"d03": {"new.txt": b"shovel three"}})
        (filled.root / "d01" / "1.txt").unlink()
        shutil.rmtree(filled.root / "d35")
        filled.sync()

    def look() -> None:
        assert filled.record().building == 2
        seen.append(filled.find("shovel"))

    run = filled.new_run()
    deeds = {15: change, 50: look}
    run.on_check = lambda n: deeds.pop(n)() if n in deeds else None

    filled.index(run, full=True)

    assert not deeds, f"only {run.checks} checks"
    assert seen == [{"a-before/x.txt", "zz-behind/x.txt", "d03/new.txt"}]
    assert filled.find("shovel") == seen[0]
    assert filled.record().live == 2
    assert filled.is_exact()


def test_a_build_that_was_ended_goes_on_where_it_was(filled: Indexed, monkeypatch: pytest.MonkeyPatch) -> None:
    run = filled.new_run()
    run.on_check = lambda n: run.interrupt(Cancelled()) if n == 40 else None
    with pytest.raises(Cancelled):
        filled.index(run, full=True)
    state = run.checkpoints[-1]
    assert state["generation"] == 2
    assert state["after"]
    shutil.rmtree(filled.root / "d02")
    (filled.root / "d03").rename(filled.root / "zz")
    filled.sync()

    opened = Opened(monkeypatch)
    with opened.counted() as paths:
        result = filled.index(filled.new_run(state, attempt=2), full=True)

    assert result.generation == 2
    assert 0 < len(paths) < FOLDERS * FILES
    assert filled.engine.generations(NAME) == [2]
    assert filled.is_exact()


def test_a_build_for_other_settings_starts_anew_when_they_change_again(filled: Indexed) -> None:
    filled.rule(language="english")
    run = filled.new_run()
    run.on_check = lambda n: run.interrupt(Cancelled()) if n == 20 else None
    with pytest.raises(Cancelled):
        filled.index(run)
    assert filled.record().building == 2

    filled.rule(language="german")
    result = filled.index()

    assert result.generation == 3
    assert filled.engine.generations(NAME) == [3]
    assert filled.is_exact()


def test_a_build_that_somebody_left_behind_is_gone_on_with(filled: Indexed) -> None:
    filled.rule(language="english")
    run = filled.new_run()
    run.on_check = lambda n: run.interrupt(Cancelled()) if n == 20 else None
    with pytest.raises(Cancelled):
        filled.index(run)
    shutil.rmtree(filled.root / "d00")
    filled.sync()

    result = filled.index()

    assert result.generation == 2
    assert filled.record().building is None
    assert filled.is_exact()


def test_a_full_run_whose_build_was_done_does_not_build_again(filled: Indexed) -> None:
    filled.index(full=True)
    state = filled.run.checkpoints[-1]

    result = filled.index(filled.new_run(state, attempt=2), full=True)

    assert result.generation == 2
    assert filled.is_exact()
