"""Ticks move from one due time to the next, once."""

from __future__ import annotations

from store.engine import Store
from store.queries import ticks
from store.records import Advance, TickRecord


def _set(store: Store, *rows: TickRecord) -> None:
    with store.writing() as conn:
        ticks.set_due(conn, rows)


def _advance(store: Store, *rows: Advance) -> set[tuple[str, str]]:
    with store.writing() as conn:
        return ticks.advance(conn, rows)


def _all(store: Store) -> list[TickRecord]:
    with store.reading() as conn:
        return ticks.page(conn, limit=100)


def test_set_ticks_come_back(store: Store) -> None:
    rows = [TickRecord(job="a", trigger="t1", due=5), TickRecord(job="b", trigger="t1", due=None, decided_due=3)]
    _set(store, *rows)
    assert _all(store) == rows

    _set(store, TickRecord(job="a", trigger="t1", due=9, decided_due=5))

    assert _all(store)[0] == TickRecord(job="a", trigger="t1", due=9, decided_due=5)
    with store.reading() as conn:
        assert ticks.of_job(conn, "b") == rows[1:]


def test_a_tick_advances_and_remembers_what_was_decided(store: Store) -> None:
    _set(store, TickRecord(job="a", trigger="t", due=5))

    assert _advance(store, Advance(job="a", trigger="t", old_due=5, new_due=10)) == {("a", "t")}

    assert _all(store) == [TickRecord(job="a", trigger="t", due=10, decided_due=5)]


def test_a_stale_advance_changes_nothing_and_its_neighbours_go_on(store: Store) -> None:
    _set(store, TickRecord(job="a", trigger="t", due=7), TickRecord(job="b", trigger="t", due=5))

    moved = _advance(
        store,
        Advance(job="a", trigger="t", old_due=5, new_due=6),
        Advance(job="b", trigger="t", old_due=5, new_due=None),
        Advance(job="none", trigger="t", old_due=5, new_due=6),
    )

    assert moved == {("b", "t")}
    assert _all(store) == [
        TickRecord(job="a", trigger="t", due=7),
        TickRecord(job="b", trigger="t", due=None, decided_due=5),
    ]


def test_the_same_advance_again_says_that_it_stands(store: Store) -> None:
    _set(store, TickRecord(job="a", trigger="t", due=5))
    step = Advance(job="a", trigger="t", old_due=5, new_due=10)
    _advance(store, step)

    assert _advance(store, step) == {("a", "t")}
    assert _all(store) == [TickRecord(job="a", trigger="t", due=10, decided_due=5)]


def test_many_advance_at_once(store: Store) -> None:
    _set(store, *(TickRecord(job=f"j{number}", trigger="t", due=5) for number in range(1200)))

    moved = _advance(
        store, *(Advance(job=f"j{number}", trigger="t", old_due=4 + number % 2, new_due=9) for number in range(1200))
    )

    assert moved == {(f"j{number}", "t") for number in range(1, 1200, 2)}


def test_dropped_triggers_are_forgotten(store: Store) -> None:
    _set(store, TickRecord(job="a", trigger="t", due=5), TickRecord(job="a", trigger="u", due=5))

    with store.writing() as conn:
        assert ticks.drop(conn, [("a", "t"), ("b", "t")]) == 1
        assert ticks.advance(conn, []) == set()

    assert [tick.trigger for tick in _all(store)] == ["u"]
