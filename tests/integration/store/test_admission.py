"""Runs are born once per cause, within their slots, together with their tasks."""

from __future__ import annotations

from rota.runs import Cause
from rota.states import RunState
from store.engine import Store
from store.queries import runs
from store.records import Closing, NewRun
from tests.factories import NOW, make_run, make_task
from tests.integration.store.competitors import KEY, LIMIT, PROCESSES, run_competitors


def _admit(store: Store, *new: NewRun) -> set[str]:
    with store.writing() as conn:
        return runs.insert_admitted(conn, new, [make_task(run) for run in new])


def test_an_admitted_run_comes_back_as_it_was(store: Store) -> None:
    run = make_run(
        job="purge",
        owner="system",
        kind="system",
        cause=Cause.of_tick("0123456789ab", NOW),
        params={"older_than": "P30D", "name": "é ☃ \0"},
        priority="high",
        chain=("sync",),
        slot_key="purge",
        slot_no=0,
        timeout_at=NOW + 5,
    )
    task = make_task(run)
    with store.writing() as conn:
        assert runs.insert_admitted(conn, [run], [task]) == {run.id}

    with store.reading() as conn:
        detail = runs.run_detail(conn, run.id)

    for name in (
        "id",
        "job",
        "owner",
        "kind",
        "cause",
        "params",
        "priority",
        "chain",
        "slot_key",
        "slot_no",
        "timeout_at",
    ):
        assert getattr(detail.run, name) == getattr(run, name), name
    assert (detail.run.state, detail.run.queued_at, detail.run.task_count) == (RunState.QUEUED, NOW, 1)
    (found,) = detail.tasks
    assert (found.id, found.step, found.state, found.params) == (task.id, "main", RunState.QUEUED, {"seconds": 1})
    assert (found.attempt, found.fence, found.repeats, found.attempts) == (0, 0, 0, ())


def test_one_cause_makes_one_run_of_a_job(store: Store) -> None:
    first = make_run(cause=Cause.of_tick("0123456789ab", NOW))
    again = make_run(cause=first.cause)
    elsewhere = make_run(job="other", cause=first.cause)

    assert _admit(store, first) == {first.id}
    assert _admit(store, again, elsewhere) == {elsewhere.id}

    with store.reading() as conn:
        found = runs.find_by_cause(conn, [("tidy", first.cause.key), ("tidy", "tick:none:1")])
        assert found == {("tidy", first.cause.key): first.id}
        assert len(runs.run_detail(conn, elsewhere.id).tasks) == 1


def test_twins_within_a_batch_become_one(store: Store) -> None:
    first = make_run()

    assert _admit(store, first, make_run(cause=first.cause)) == {first.id}


def test_a_taken_slot_is_refused_and_its_neighbours_go_in(store: Store) -> None:
    holder = make_run(slot_key="tidy", slot_no=0)
    late = make_run(slot_key="tidy", slot_no=0)
    neighbour = make_run(slot_key="tidy", slot_no=1)
    _admit(store, holder)

    assert _admit(store, late, neighbour) == {neighbour.id}

    with store.reading() as conn:
        assert runs.open_slots(conn, ["tidy", "other"]) == {"tidy": {0, 1}, "other": set()}


def test_an_ended_run_frees_its_slot(store: Store) -> None:
    holder = make_run(slot_key="tidy", slot_no=0)
    _admit(store, holder)
    with store.writing() as conn:
        assert runs.close(conn, [Closing(run=holder.id, state=RunState.FAILED, at=NOW)]) == 1

    assert len(_admit(store, make_run(slot_key="tidy", slot_no=0))) == 1


def test_a_skipped_run_is_recorded_with_its_reason(store: Store) -> None:
    skipped = make_run(state=RunState.SKIPPED, reason="the run before is still going on")

    with store.writing() as conn:
        assert runs.insert_admitted(conn, [skipped], []) == {skipped.id}
    with store.reading() as conn:
        found = runs.get_run(conn, skipped.id)

    assert (found.state, found.reason, found.ended_at) == (RunState.SKIPPED, skipped.reason, NOW)


def test_nothing_to_admit_is_nothing(store: Store) -> None:
    with store.writing() as conn:
        assert runs.insert_admitted(conn, [], []) == set()


def test_more_than_a_batch_goes_in(store: Store) -> None:
    new = [make_run() for _ in range(1100)]
    _admit(store, *new[:50])

    assert _admit(store, *(make_run(cause=run.cause) for run in new[:50]), *new[50:]) == {run.id for run in new[50:]}
    with store.writing() as conn:
        runs.mark_sent(conn, [make_task(run).id for run in new], NOW)


def test_processes_that_admit_at_once_fill_the_slots_and_no_more(database_url: str) -> None:
    said = run_competitors(database_url, "fill")

    assert len(said) == PROCESSES
    assert sum(admitted for admitted, _, _ in said) == LIMIT
    store = Store(database_url)
    with store.reading() as conn:
        assert runs.open_slots(conn, [KEY]) == {KEY: {0, 1, 2}}
    store.close()


def test_processes_that_come_and_go_never_exceed_the_limit(database_url: str) -> None:
    said = run_competitors(database_url, "come-and-go")

    assert len(said) == PROCESSES
    assert max(most for _, _, most in said) <= LIMIT
    assert sum(admitted for admitted, _, _ in said) > LIMIT
    store = Store(database_url)
    with store.reading() as conn:
        assert runs.open_slots(conn, [KEY]) == {KEY: set()}
    store.close()
