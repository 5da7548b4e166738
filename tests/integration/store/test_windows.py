"""Windows gather events, each at one place, whoever else gathers at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import msgspec

from rota.events import Event
from rota.ids import new_id
from rota.states import RunState
from store.engine import Connection, Store
from store.queries import events, retention, runs, windows
from store.records import Gathered, WindowRecord
from tests.factories import NOW, make_run

QUIET, MAX_WAIT = 1_000, 5_000


def opened(key: str | None = "", *, at: int = NOW, count: int = 1, job: str = "tidy") -> WindowRecord:
    return WindowRecord(
        id=new_id(), job=job, trigger="t", key=key, opened_at=at, latest=at + MAX_WAIT, due=at + QUIET, count=count
    )


def recorded(conn: Connection, *ids: str) -> list[int]:
    return [seq for seq, _ in events.record(conn, [Event(id=each, source="s", type="t") for each in ids], at=NOW)]


def test_first_events_open_a_window(store: Store) -> None:
    given = [opened("b", count=2), opened("a"), opened("b", job="other")]
    with store.writing() as conn:
        assert windows.gather(conn, given) == given
        assert windows.gather(conn, []) == []
        assert sorted(windows.lock(conn, [one.id for one in given]), key=lambda one: one.id) == given


def test_further_events_are_counted_and_put_it_off_but_not_for_ever(store: Store) -> None:
    first = opened(count=2)
    with store.writing() as conn:
        windows.gather(conn, [first])
        (later,) = windows.gather(conn, [opened(at=NOW + 500, count=3)])
        (late,) = windows.gather(conn, [opened(at=NOW + 4_500)])

    assert later == msgspec.structs.replace(first, count=5, due=NOW + 500 + QUIET)
    assert late == msgspec.structs.replace(first, count=6, due=NOW + MAX_WAIT)


def test_full_window_lets_the_next_one_open(store: Store) -> None:
    with store.writing() as conn:
        (first,) = windows.gather(conn, [opened(count=7)])
        windows.fill(conn, [msgspec.structs.replace(first, due=NOW, count=5)])
        windows.add(conn, [opened(None, count=5), opened(count=2)])
        (next_one,) = windows.gather(conn, [opened(count=1)])
        full = windows.lock(conn, [first.id])

    assert (next_one.count, next_one.id != first.id) == (3, True)
    assert [(one.key, one.due, one.count) for one in full] == [(None, NOW, 5)]


def test_upcoming_windows_are_found_by_their_due_time(store: Store) -> None:
    late, early, far = (opened(key, at=NOW + at) for key, at in (("a", 30), ("b", 10), ("c", 9_000)))
    with store.writing() as conn:
        windows.gather(conn, [late, early, far])

        assert windows.upcoming(conn, before=late.due, limit=9) == [(early.id, early.due), (late.id, late.due)]
        assert windows.upcoming(conn, before=far.due, limit=1) == [(early.id, early.due)]


def test_gathered_events_come_back_in_order_when_the_window_is_gone(store: Store) -> None:
    one, two = opened("one"), opened("two")
    with store.writing() as conn:
        first, second, third = recorded(conn, "1", "2", "3")
        windows.gather(conn, [one, two])
        windows.add_events(conn, [Gathered(run=one.id, n=n, event=seq) for n, seq in enumerate((third, first))])
        windows.add_events(conn, [Gathered(run=two.id, n=0, event=first), Gathered(run=two.id, n=1, event=second)])
        windows.drop(conn, [one.id, two.id])
        assert windows.lock(conn, [one.id, two.id]) == []

        found = events.gathered_by(conn, [one.id, two.id, new_id()])

    assert {run: [event.id for event in given] for run, given in found.items()} == {
        one.id: ["3", "1"],
        two.id: ["1", "2"],
    }
    assert found[one.id][1] is found[two.id][0]


def test_two_schedulers_that_gather_at_once_lose_and_double_nothing(database_url: str, store: Store) -> None:
    keys = [str(n) for n in range(5)]

    def gather(order: int) -> None:
        mine = Store(database_url)
        for _ in range(20):
            mine.write(lambda conn: windows.gather(conn, [opened(key) for key in keys[::order]]))
        mine.close()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(gather, (1, -1)))

    with store.writing() as conn:
        assert [one.count for one in windows.gather(conn, [opened(key, count=0) for key in keys])] == [40] * 5


def test_old_events_stay_while_they_wait_in_a_window(store: Store) -> None:
    waiting, fired = opened("a"), opened("b")
    with store.writing() as conn:
        seqs = recorded(conn, "1", "2", "3")
        windows.gather(conn, [waiting, fired])
        windows.add_events(conn, [Gathered(run=waiting.id, n=0, event=seqs[0])])
        windows.add_events(conn, [Gathered(run=fired.id, n=n, event=seq) for n, seq in enumerate(seqs[1:])])
        windows.drop(conn, [fired.id])

        assert retention.prune_events(conn, received_before=NOW + 1).rows == 2

        assert [event.id for event in events.gathered_by(conn, [waiting.id, fired.id]).get(waiting.id, ())] == ["1"]
        assert events.gathered_by(conn, [fired.id]) == {}


def test_what_was_gathered_goes_with_its_run(store: Store) -> None:
    run = make_run(state=RunState.SKIPPED)
    with store.writing() as conn:
        (seq,) = recorded(conn, "1")
        runs.insert_admitted(conn, [run], [])
        windows.add_events(conn, [Gathered(run=run.id, n=0, event=seq)])

        runs.clear_history(conn, run.job)

        assert events.gathered_by(conn, [run.id]) == {}
        assert events.find(conn, source="s", event_id="1") is not None
