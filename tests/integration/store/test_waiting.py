"""Who holds and who waits for the slots of a key, and how runs are ended in the store."""

from __future__ import annotations

import threading

import pytest

from rota.states import RunState
from store.engine import Store
from store.locks import hold
from store.queries import outcomes, runs
from store.records import EndedRun, LineRecord, NewRun, NewTask, Promotion
from tests.factories import NOW, make_outcome, make_run, make_task
from tests.waiting import wait_until


def _admit(store: Store, **fields: object) -> tuple[NewRun, NewTask]:
    run = make_run(**fields)
    state = RunState.QUEUED if run.state is RunState.QUEUED else RunState.WAITING
    task = make_task(run, state=RunState.QUEUED)
    task = NewTask(
        id=task.id, run=run.id, step="main", actor="sleep", queue="default", state=state, message=task.message
    )
    with store.writing() as conn:
        assert runs.insert_admitted(conn, [run], [task]) == {run.id}
    return run, task


def _wait(store: Store, key: str = "key:disk", limit: int = 1, **fields: object) -> NewRun:
    return _admit(store, state=RunState.WAITING, wait_key=key, wait_limit=limit, **fields)[0]


def test_slots_and_lines_say_who_holds_and_how_many_wait(store: Store) -> None:
    holder, _ = _admit(store, slot_key="key:disk", slot_no=0)
    first = _wait(store)
    paused = _wait(store, limit=3)
    with store.writing() as conn:
        runs.request_pause(conn, [paused.id])
        runs.request_cancel(conn, [holder.id], at=NOW, reason="alice cancelled it")

    with store.reading() as conn:
        (slot,) = runs.slots(conn, ["key:disk"])["key:disk"]
        lines = runs.lines(conn, ["key:disk", "key:none"])
        in_line = runs.in_line(conn, "key:disk")
        following = runs.next_in_line(conn, ["key:disk"])

    assert (slot.run, slot.number, slot.cancelled) == (holder.id, 0, True)
    assert lines == {"key:disk": LineRecord(count=2, first=first.id, ready=1, widest=1)}
    assert in_line == [first.id, paused.id]
    assert [one.run for one in following] == [first.id]


def test_the_first_of_each_number_of_slots_are_seen(store: Store) -> None:
    narrow = [_wait(store) for _ in range(3)]
    wide = _wait(store, limit=5, priority="low")

    with store.reading() as conn:
        following = runs.next_in_line(conn, ["key:disk"], limit=2)

    assert {one.run for one in following} == {narrow[0].id, narrow[1].id, wide.id}


def test_keys_are_listed_page_by_page(store: Store) -> None:
    for key in ("c", "a", "b", "a"):
        _wait(store, key)

    with store.reading() as conn:
        assert list(runs.waited_for(conn, limit=2)) == ["a", "b"]
        assert list(runs.waited_for(conn, after="b")) == ["c"]


def test_one_numbered_place_is_held_by_one_run(store: Store) -> None:
    _wait(store, wait_no=0)
    second = make_run(state=RunState.WAITING, wait_key="key:disk", wait_limit=1, wait_no=0)

    with store.writing() as conn:
        assert runs.insert_admitted(conn, [second], []) == set()


def test_a_promoted_run_has_its_slot_and_its_task_is_queued(store: Store) -> None:
    run = _wait(store, reason="waits", wait_no=0)
    with store.writing() as conn:
        found = runs.lock_waiting(conn, [run.id])
        runs.promote(conn, [Promotion(run=run.id, slot_no=0, start_at=NOW + 7, timeout_at=NOW + 9)], at=NOW + 5)

    with store.reading() as conn:
        detail = runs.run_detail(conn, run.id)
    assert [message.run for message in found[run.id].messages] == [run.id]
    assert (detail.run.state, detail.run.reason) == (RunState.QUEUED, None)
    assert (detail.run.slot_key, detail.run.slot_no, detail.run.timeout_at) == ("key:disk", 0, NOW + 9)
    assert (detail.tasks[0].state, detail.tasks[0].queued_at) == (RunState.QUEUED, NOW + 5)


def test_a_paused_run_cannot_be_promoted(store: Store) -> None:
    run = _wait(store)
    with store.writing() as conn:
        runs.request_pause(conn, [run.id])
        assert runs.lock_waiting(conn, [run.id]) == {}


def test_a_terminated_run_ends_with_its_tasks_and_attempts(store: Store) -> None:
    run, task = _admit(store, slot_key="key:disk", slot_no=0)
    with store.writing() as conn:
        outcomes.apply(conn, [make_outcome("started", task)])

    with store.writing() as conn:
        ended = runs.terminate(conn, [run.id, "nobody"], at=NOW + 5, reason="it had to go")
        assert runs.terminate(conn, [run.id], at=NOW + 6, reason="again").runs == ()

    assert ended.runs == (EndedRun(run=run.id, job="tidy", job_version=1, state=RunState.CANCELLED, at=NOW + 5),)
    assert ended.tasks == (task.id,)
    with store.reading() as conn:
        detail = runs.run_detail(conn, run.id)
    assert (detail.run.state, detail.run.slot_key, detail.run.reason) == (RunState.CANCELLED, None, "it had to go")
    (found,) = detail.tasks
    assert (found.state, found.ended_at, found.attempts[0].state, found.attempts[0].ended_at) == (
        RunState.CANCELLED,
        NOW + 5,
        "cancelled",
        NOW + 5,
    )


def test_what_was_terminated_is_untold_until_it_is_told(store: Store) -> None:
    in_bus, task = _admit(store)
    waiting = _wait(store)
    with store.writing() as conn:
        runs.terminate(conn, [in_bus.id, waiting.id], at=NOW, reason="it had to go")

    with store.writing() as conn:
        assert runs.untold(conn) == {in_bus.id: [task.id]}
        runs.told(conn, [in_bus.id])
        assert runs.untold(conn) == {}


def test_reports_of_a_terminated_task_change_nothing(store: Store) -> None:
    run, task = _admit(store)
    with store.writing() as conn:
        runs.terminate(conn, [run.id], at=NOW, reason="it had to go")
        applied = outcomes.apply(conn, [make_outcome("finished", task, fence=5)])

    assert (applied.refused, applied.ended) == (1, ())


def test_who_asked_to_cancel_is_remembered_when_the_worker_reports_it(store: Store) -> None:
    run, task = _admit(store)
    with store.writing() as conn:
        runs.request_cancel(conn, [run.id], at=NOW, reason="cancelled by alice")
        reported = make_outcome("finished", task, state="cancelled", reason="the run was cancelled")
        applied = outcomes.apply(conn, [reported])
        runs.close(conn, [ended.closing() for ended in applied.ended])

    with store.reading() as conn:
        assert runs.get_run(conn, run.id).reason == "cancelled by alice"


def _waiting_locks(store: Store) -> int:
    with store.reading() as conn:
        query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        return int(conn.exec_driver_sql(query).scalar_one())


@pytest.mark.parametrize("names", [["a"], ["b", "a", "b"]])
def test_names_are_held_until_the_transaction_ends(postgres_url: str, names: list[str]) -> None:
    store = Store(postgres_url)
    order: list[str] = []
    held = threading.Event()

    def second() -> None:
        held.wait(10)
        with store.writing() as conn:
            hold(conn, ["a"])
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with store.writing() as conn:
        hold(conn, names)
        held.set()
        wait_until(lambda: _waiting_locks(store) == 1, timeout=10)
        order.append("first")
    thread.join()

    assert order == ["first", "second"]
    store.close()


def test_a_key_says_how_many_slots_those_who_wait_may_use(store: Store) -> None:
    _wait(store, "a", limit=2)
    _wait(store, "a", limit=5)
    _wait(store, "b", limit=3)
    paused = _wait(store, "c", limit=4)
    with store.writing() as conn:
        runs.request_pause(conn, [paused.id])

    with store.reading() as conn:
        assert runs.waited_for(conn) == {"a": 5, "b": 3, "c": 0}
