"""Lists, filters, logs, and what the sweeper looks for."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, event, text

from rota.errors import NotFound, Refused
from rota.messages import LogLine
from rota.runs import Cause
from rota.states import RunState
from store.engine import Store
from store.queries import announcements, outcomes, revision, runs
from store.records import Closing, NewRun, NewTask
from tests.factories import NOW, make_outcome, make_run, make_task


def _admit(store: Store, *new: NewRun) -> list[NewTask]:
    tasks = [make_task(run) for run in new]
    with store.writing() as conn:
        runs.insert_admitted(conn, new, tasks)
    return tasks


def _ids(store: Store, **filters: object) -> list[str]:
    with store.reading() as conn:
        return [run.id for run in runs.list_runs(conn, **filters).items]  # type: ignore[arg-type]


def test_runs_are_filtered_newest_first(store: Store) -> None:
    by_hand = make_run(owner="alice", queued_at=NOW)
    by_tick = make_run(
        job="purge", owner="system", kind="system", cause=Cause.of_tick("a" * 12, NOW), queued_at=NOW + 10
    )
    skipped = make_run(state=RunState.SKIPPED, reason="still running", queued_at=NOW + 20)
    _admit(store, by_hand, by_tick, skipped)
    with store.writing() as conn:
        runs.close(conn, [Closing(run=by_hand.id, state=RunState.SUCCEEDED, at=NOW + 5)])

    assert _ids(store) == [skipped.id, by_tick.id, by_hand.id]
    assert _ids(store, job="purge") == [by_tick.id]
    assert _ids(store, states=[RunState.SUCCEEDED]) == [by_hand.id]
    assert _ids(store, states=[RunState.SKIPPED, RunState.QUEUED]) == [skipped.id, by_tick.id]
    assert _ids(store, states=[RunState.SKIPPED, RunState.SUCCEEDED]) == [skipped.id, by_hand.id]
    assert _ids(store, owner="alice") == [by_hand.id]
    assert _ids(store, owner="system") == [by_tick.id]
    assert _ids(store, cause="tick") == [by_tick.id]
    assert _ids(store, since=NOW + 10) == [skipped.id, by_tick.id]
    assert _ids(store, until=NOW + 10) == [by_tick.id, by_hand.id]
    assert _ids(store, job="purge", cause="person") == []


def test_pages_of_runs_join_up_while_new_ones_come(store: Store) -> None:
    new = [make_run() for _ in range(5)]
    _admit(store, *new)
    with store.reading() as conn:
        first = runs.list_runs(conn, limit=2)
    _admit(store, make_run())

    with store.reading() as conn:
        second = runs.list_runs(conn, limit=2, cursor=first.next)
        third = runs.list_runs(conn, limit=2, cursor=second.next)

    seen = [run.id for page in (first, second, third) for run in page.items]
    assert seen == [run.id for run in reversed(new)]
    assert third.next is None


def test_a_page_is_bounded(store: Store) -> None:
    _admit(store, *(make_run() for _ in range(501)))

    assert len(_ids(store, limit=10_000)) == 500
    assert len(_ids(store, limit=-1)) == 1
    with store.reading() as conn, pytest.raises(Refused):
        runs.list_runs(conn, cursor="é")


def test_what_is_not_there_is_not_found(store: Store) -> None:
    with store.reading() as conn, pytest.raises(NotFound):
        runs.get_run(conn, "none")
    with store.reading() as conn, pytest.raises(NotFound):
        runs.run_detail(conn, "none")


def test_a_log_is_followed_and_searched(store: Store) -> None:
    task, other = _admit(store, make_run(), make_run())
    said = [("debug", "look"), ("info", "Found 100% of a_b"), ("warning", "odd"), ("error", "boom")]
    lines = tuple(
        LogLine(n=number, at=NOW + number, level=level, message=message)  # type: ignore[arg-type]
        for number, (level, message) in enumerate(said, 1)
    )
    with store.writing() as conn:
        outcomes.apply(conn, [make_outcome("log", task, lines=lines), make_outcome("log", other, lines=lines[:1])])

    def messages(**filters: object) -> list[str]:
        with store.reading() as conn:
            return [line.message for line in runs.log(conn, task.run, **filters).items]  # type: ignore[arg-type]

    assert messages() == ["look", "Found 100% of a_b", "odd", "boom"]
    assert messages(level="warning") == ["odd", "boom"]
    assert messages(q="found 100%") == ["Found 100% of a_b"]
    assert messages(q="a%b") == []
    with store.reading() as conn:
        page = runs.log(conn, task.run, limit=3)
        rest = runs.log(conn, task.run, limit=3, after=int(page.next or 0))
    assert ([line.n for line in page.items], [line.n for line in rest.items], rest.next) == ([1, 2, 3], [4], None)
    assert (rest.items[0].task, rest.items[0].at, rest.items[0].fence) == (task.id, NOW + 4, 1)


def test_the_sweeper_finds_old_open_tasks_in_pages(store: Store) -> None:
    old = _admit(store, *(make_run() for _ in range(3)))
    young = _admit(store, make_run(queued_at=NOW + 100))
    waiting = make_run()
    with store.writing() as conn:
        runs.insert_admitted(conn, [waiting], [make_task(waiting, state=RunState.WAITING)])
        outcomes.apply(conn, [make_outcome("started", old[0], fence=7), make_outcome("finished", old[1])])
        runs.mark_sent(conn, [task.id for task in young], NOW + 200)

    with store.reading() as conn:
        first = runs.open_tasks(conn, before=NOW + 1, limit=1)
        second = runs.open_tasks(conn, before=NOW + 1, after_id=first[0].id, limit=5)
        later = runs.open_tasks(conn, before=NOW + 201)

    assert [task.id for task in first + second] == [old[0].id, old[2].id]
    assert (first[0].state, first[0].fence, first[0].attempt, first[0].message.attempt) == (RunState.RUNNING, 7, 1, 1)
    assert [task.id for task in later] == [old[0].id, old[2].id, young[0].id]


def test_runs_beyond_their_time_are_found(store: Store) -> None:
    late, early, ended = make_run(timeout_at=NOW + 5), make_run(timeout_at=NOW + 50), make_run(timeout_at=NOW)
    _admit(store, late, early, ended, make_run())
    with store.writing() as conn:
        runs.close(conn, [Closing(run=ended.id, state=RunState.SUCCEEDED, at=NOW)])

    with store.reading() as conn:
        assert runs.overdue(conn, at=NOW + 5) == [late.id]


def test_open_runs_are_counted_by_state(store: Store) -> None:
    task, _other = _admit(store, make_run(), make_run())
    with store.writing() as conn:
        outcomes.apply(conn, [make_outcome("started", task)])

    with store.reading() as conn:
        counted = runs.count_open(conn)

    assert counted == {
        RunState.WAITING: 0, RunState.QUEUED: 1, RunState.RUNNING: 1, RunState.RETRYING: 0, RunState.PAUSED: 0,
    }  # fmt: skip


def test_the_last_ends_of_a_job_leave_out_what_says_nothing(store: Store) -> None:
    ends = [RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED, RunState.FAILED]
    new = [make_run() for _ in ends]
    _admit(store, *new, make_run())
    with store.writing() as conn:
        runs.close(conn, [Closing(run=run.id, state=state, at=NOW) for run, state in zip(new, ends, strict=True)])

    with store.reading() as conn:
        assert runs.last_states(conn, "tidy", 5) == [RunState.FAILED, RunState.FAILED, RunState.SUCCEEDED]
        assert runs.last_states(conn, "tidy", 1) == [RunState.FAILED]


@pytest.mark.parametrize(
    ("condition", "index"),
    [
        ("state IN ('failed', 'skipped') AND state <> 'succeeded' ORDER BY id DESC LIMIT 9", "ix_runs_state_id"),
        ("owner = 'alice' AND owner <> 'system' ORDER BY id DESC LIMIT 9", "ix_runs_owner_id"),
        ("cause_kind = 'event' AND cause_kind <> 'tick' ORDER BY id DESC LIMIT 9", "ix_runs_cause_id"),
        ("job = 'tidy' ORDER BY id DESC LIMIT 9", "ix_runs_job_id"),
        ("slot_key IN ('a') AND slot_key IS NOT NULL", "uq_runs_slot"),
    ],
)
def test_lists_are_read_from_an_index(sqlite_url: str, condition: str, index: str) -> None:
    store = Store(sqlite_url)
    with store.reading() as conn:
        plan = conn.execute(text(f"EXPLAIN QUERY PLAN SELECT id FROM runs WHERE {condition}")).all()
    store.close()

    assert index in str(plan)


@pytest.mark.parametrize(
    ("ask", "index"),
    [
        (runs.untold, "ix_runs_untold"),
        (announcements.left_ends, "ix_runs_unannounced"),
        (revision.listening, "ix_jobs_listens"),
        (runs.paused_in_error, "ix_tasks_paused"),
        (runs.waited_for, "ix_runs_wait_key_wait_limit_id"),
        (partial(runs.due_in_line, at=1), "ix_runs_start_at"),
        (partial(runs.next_turn, after=1), "ix_runs_start_at"),
    ],
)
def test_what_is_asked_again_and_again_never_reads_all_rows(
    sqlite_url: str, ask: Callable[[Connection], object], index: str
) -> None:
    store = Store(sqlite_url)
    asked: list[Any] = []
    with store.reading() as conn:
        event.listen(conn, "before_cursor_execute", lambda *said: asked.append(said[2:4]))
        ask(conn)
        plans = [
            str(conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all())
            for statement, parameters in list(asked)
        ]
    store.close()

    assert index in "".join(plans)
    assert not re.search("SCAN (runs|tasks|jobs)(?! USING (COVERING )?INDEX ix_)", "".join(plans))
