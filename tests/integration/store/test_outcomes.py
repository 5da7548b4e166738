"""Outcomes are recorded once, in order, by whoever holds the newest fence."""

from __future__ import annotations

from rota.messages import LogLine, Outcome
from rota.runs import Failure, Progress
from rota.states import RunState
from store.engine import Store
from store.folding import MAX_LINES
from store.queries import outcomes, runs
from store.records import Applied, NewTask, RunDetail
from tests.factories import NOW, make_outcome, make_run, make_task

BOOM = Failure(type="ValueError", message="boom")


def _admit(store: Store, *, steps: tuple[str, ...] = ("main",), **fields: object) -> list[NewTask]:
    run = make_run(**fields)
    states = [RunState.QUEUED] + [RunState.WAITING] * (len(steps) - 1)
    tasks = [make_task(run, step=step, state=state) for step, state in zip(steps, states, strict=True)]
    with store.writing() as conn:
        runs.insert_admitted(conn, [run], tasks)
    return tasks


def _apply(store: Store, *batch: Outcome, close: bool = True) -> Applied:
    with store.writing() as conn:
        applied = outcomes.apply(conn, batch)
        if close:
            runs.close(conn, [ended.closing() for ended in applied.ended if ended.task_count == 1])
        return applied


def _detail(store: Store, task: NewTask) -> RunDetail:
    with store.reading() as conn:
        return runs.run_detail(conn, task.run)


def test_a_started_task_is_running_and_so_is_its_run(store: Store) -> None:
    (task,) = _admit(store)

    applied = _apply(store, make_outcome("started", task, fence=7))

    detail = _detail(store, task)
    assert (applied.started, applied.changed, applied.ended) == (1, (task.run,), ())
    assert (detail.run.state, detail.run.started_at) == (RunState.RUNNING, NOW + 1000)
    found = detail.tasks[0]
    assert (found.state, found.fence, found.attempt, found.worker) == (RunState.RUNNING, 7, 1, "host:1:abc")
    assert [(a.n, a.fence, a.state, a.ended_at) for a in found.attempts] == [(1, 7, "running", None)]


def test_a_whole_life_in_one_batch(store: Store) -> None:
    (task,) = _admit(store, slot_key="tidy", slot_no=0)

    applied = _apply(
        store,
        make_outcome("started", task),
        make_outcome("progress", task, progress=Progress(done=3, total=9, unit="files")),
        make_outcome("checkpoint", task, checkpoint={"at": 3}),
        make_outcome("finished", task, at=NOW + 5000, result={"files": 9}),
    )

    (ended,) = applied.ended
    assert (ended.task, ended.state, ended.result, ended.task_count, ended.slot_key) == (
        task.id, RunState.SUCCEEDED, {"files": 9}, 1, "tidy",
    )  # fmt: skip
    detail = _detail(store, task)
    assert (detail.run.state, detail.run.started_at, detail.run.ended_at) == (
        RunState.SUCCEEDED,
        NOW + 1000,
        NOW + 5000,
    )
    assert (detail.run.result, detail.run.progress) == ({"files": 9}, Progress(done=3, total=9, unit="files"))
    assert (detail.run.slot_key, detail.run.slot_no) == (None, None)
    found = detail.tasks[0]
    assert (found.state, found.result, found.checkpoint) == (RunState.SUCCEEDED, {"files": 9}, None)
    assert [(a.state, a.ended_at) for a in found.attempts] == [("succeeded", NOW + 5000)]


def test_an_end_that_is_the_first_word_of_an_attempt_counts(store: Store) -> None:
    (task,) = _admit(store)

    applied = _apply(store, make_outcome("finished", task, started_at=NOW + 400, state="failed", error=BOOM))

    assert [ended.error for ended in applied.ended] == [BOOM]
    detail = _detail(store, task)
    assert (detail.run.state, detail.run.error, detail.run.started_at) == (RunState.FAILED, BOOM, NOW + 400)
    assert detail.tasks[0].attempts[0].error == BOOM


def test_the_same_batch_again_changes_nothing(store: Store) -> None:
    (task,) = _admit(store)
    batch = [
        make_outcome("started", task),
        make_outcome("log", task, lines=(LogLine(n=1, at=NOW, level="info", message="here"),)),
        make_outcome("finished", task, state="retrying", error=BOOM, retry_at=NOW + 9000),
        make_outcome("started", task, fence=2, attempt=2),
        make_outcome("finished", task, fence=2, attempt=2),
    ]
    first = _apply(store, *batch)
    before = _detail(store, task)
    assert (len(first.ended), first.started) == (1, 2)

    again = _apply(store, *batch)

    assert (again.ended, again.started, again.changed) == ((), 0, ())
    assert again.repeated + again.refused == 5
    assert _detail(store, task) == before
    with store.reading() as conn:
        assert len(runs.log(conn, task.run).items) == 1


def test_a_replay_of_half_a_life_goes_on_where_it_was(store: Store) -> None:
    (task,) = _admit(store)
    started = make_outcome("started", task)
    _apply(store, started)

    applied = _apply(store, started, make_outcome("finished", task))

    assert (len(applied.ended), applied.repeated, applied.started) == (1, 1, 0)
    assert len(_detail(store, task).tasks[0].attempts) == 1


def test_an_older_fence_is_refused(store: Store) -> None:
    (task,) = _admit(store)
    _apply(store, make_outcome("started", task, fence=5), make_outcome("started", task, fence=8, worker="other"))

    applied = _apply(
        store,
        make_outcome("progress", task, fence=5, progress=Progress(done=1)),
        make_outcome("log", task, fence=5, lines=(LogLine(n=1, at=NOW, level="info", message="zombie"),)),
        make_outcome("finished", task, fence=5),
    )

    assert (applied.refused, applied.ended) == (3, ())
    found = _detail(store, task).tasks[0]
    assert (found.state, found.worker, found.progress) == (RunState.RUNNING, "other", None)
    with store.reading() as conn:
        assert runs.log(conn, task.run).items == []


def test_nothing_leaves_an_end(store: Store) -> None:
    (task,) = _admit(store)
    _apply(store, make_outcome("started", task), make_outcome("finished", task, state="cancelled"))

    applied = _apply(
        store,
        make_outcome("finished", task),
        make_outcome("started", task, fence=2),
        make_outcome("finished", task, fence=3, state="failed"),
    )

    assert (applied.refused, applied.repeated, applied.ended) == (2, 1, ())
    assert _detail(store, task).run.state is RunState.CANCELLED


def test_an_unknown_task_is_counted_and_its_neighbours_are_recorded(store: Store) -> None:
    (task,) = _admit(store)
    stranger = make_task(make_run())

    applied = _apply(store, make_outcome("finished", stranger), make_outcome("finished", task))

    assert (applied.unknown, len(applied.ended)) == (1, 1)


def test_an_impossible_number_or_state_is_refused_and_its_neighbours_are_recorded(store: Store) -> None:
    (bad,), (good,) = _admit(store), _admit(store)

    applied = _apply(
        store,
        make_outcome("started", bad, fence=2**63),
        make_outcome("started", bad, fence=0),
        make_outcome("started", bad, attempt=2**40),
        make_outcome("finished", bad, state="skipped"),
        make_outcome("finished", bad, state="running"),
        make_outcome("finished", bad, state="nonsense"),
        make_outcome("finished", good),
    )

    assert (applied.refused, [ended.task for ended in applied.ended]) == (6, [good.id])
    assert _detail(store, bad).run.state is RunState.QUEUED


def test_a_failed_attempt_is_retried_under_the_next_number(store: Store) -> None:
    (task,) = _admit(store)

    _apply(
        store,
        make_outcome("started", task),
        make_outcome("finished", task, state="retrying", error=BOOM, retry_at=NOW + 9000, checkpoint=[1]),
    )

    detail = _detail(store, task)
    assert (detail.run.state, detail.tasks[0].retry_at, detail.tasks[0].error) == (RunState.RETRYING, NOW + 9000, BOOM)
    with store.reading() as conn:
        (open_task,) = runs.open_tasks(conn, before=NOW + 1)
    assert (open_task.message.attempt, open_task.message.state, open_task.retry_at) == (2, [1], NOW + 9000)

    _apply(store, make_outcome("started", task, fence=2, attempt=2))
    assert _detail(store, task).tasks[0].retry_at is None
    _apply(store, make_outcome("finished", task, fence=2, attempt=2))

    detail = _detail(store, task)
    assert (detail.run.state, detail.run.error) == (RunState.SUCCEEDED, None)
    assert [(a.n, a.state) for a in detail.tasks[0].attempts] == [(1, "retrying"), (2, "succeeded")]
    assert detail.tasks[0].repeats == 0


def test_an_attempt_whose_worker_was_lost_is_repeated(store: Store) -> None:
    (task,) = _admit(store)
    lost = Failure(type="WorkerLost", message="its worker was lost")

    _apply(
        store,
        make_outcome("started", task),
        make_outcome("finished", task, state="queued", error=lost, reason="its worker was lost"),
        make_outcome("started", task, fence=2),
    )

    found = _detail(store, task).tasks[0]
    assert (found.state, found.repeats, found.attempt) == (RunState.RUNNING, 1, 1)
    assert [(a.n, a.fence, a.state) for a in found.attempts] == [(1, 1, "lost"), (1, 2, "running")]


def test_an_attempt_that_the_bus_forgot_is_repeated(store: Store) -> None:
    (task,) = _admit(store)
    _apply(store, make_outcome("started", task))

    _apply(store, make_outcome("started", task, fence=9, at=NOW + 7000))

    found = _detail(store, task).tasks[0]
    assert (found.repeats, found.started_at) == (1, NOW + 1000)
    assert [(a.state, a.ended_at) for a in found.attempts] == [("lost", NOW + 7000), ("running", None)]


def test_an_attempt_that_the_bus_forgot_ends_with_its_task(store: Store) -> None:
    (task,) = _admit(store)
    _apply(store, make_outcome("started", task))

    _apply(store, make_outcome("finished", task, fence=9, worker="", state="cancelled"))

    detail = _detail(store, task)
    assert detail.run.state is RunState.CANCELLED
    assert [(a.fence, a.state) for a in detail.tasks[0].attempts] == [(1, "lost")]


def test_a_task_that_was_handed_back_is_not_a_repeat(store: Store) -> None:
    (task,) = _admit(store)

    _apply(
        store,
        make_outcome("started", task),
        make_outcome("finished", task, state="queued", reason="the worker stops", checkpoint={"page": 4}),
    )

    detail = _detail(store, task)
    assert (detail.run.state, detail.tasks[0].repeats) == (RunState.QUEUED, 0)
    assert (detail.tasks[0].checkpoint, detail.tasks[0].attempts[0].state) == ({"page": 4}, "queued")
    with store.reading() as conn:
        assert runs.open_tasks(conn, before=NOW + 1)[0].message.attempt == 1


def test_what_the_bus_dropped_before_anybody_held_it_has_no_attempt(store: Store) -> None:
    (task,) = _admit(store)

    applied = _apply(
        store, make_outcome("finished", task, worker="", state="cancelled", reason="cancelled before it started")
    )

    detail = _detail(store, task)
    assert len(applied.ended) == 1
    assert (detail.run.state, detail.run.reason) == (RunState.CANCELLED, "cancelled before it started")
    assert (detail.tasks[0].attempts, detail.run.started_at) == ((), None)


def test_lines_that_come_after_the_end_are_kept(store: Store) -> None:
    (task,) = _admit(store)
    _apply(store, make_outcome("finished", task))

    _apply(store, make_outcome("log", task, lines=(LogLine(n=1, at=NOW, level="error", message="late"),)))

    with store.reading() as conn:
        assert [line.message for line in runs.log(conn, task.run).items] == ["late"]


def test_log_lines_are_bounded_and_storable(store: Store) -> None:
    (task,) = _admit(store)
    lines = (
        LogLine(n=1, at=NOW, level="info", message="nul \0 here"),
        LogLine(n=2, at=NOW, level="info", message="x" * 100_000),
        LogLine(n=MAX_LINES, at=NOW, level="info", message="the last one"),
        LogLine(n=MAX_LINES + 1, at=NOW, level="info", message="too many"),
    )

    _apply(store, make_outcome("log", task, lines=lines))

    with store.reading() as conn:
        first, second, last = (line.message for line in runs.log(conn, task.run).items)
    assert first == "nul \N{REPLACEMENT CHARACTER} here"
    assert len(second) < 5000
    assert "dropped" in last


def test_a_run_of_several_steps_follows_its_tasks(store: Store) -> None:
    first, second = _admit(store, steps=("fetch", "report"))

    applied = _apply(store, make_outcome("started", first), make_outcome("finished", first))

    assert [(ended.step, ended.task_count) for ended in applied.ended] == [("fetch", 2)]
    assert _detail(store, first).run.state is RunState.RUNNING
    with store.reading() as conn:
        steps = runs.steps_of(conn, [first.run])[first.run]
    assert {step.step: step.state for step in steps.steps} == {
        "fetch": RunState.SUCCEEDED,
        "report": RunState.WAITING,
    }
    assert (steps.job, steps.job_version, second.state) == ("tidy", 1, RunState.WAITING)


def test_a_waiting_task_cannot_run(store: Store) -> None:
    _first, second = _admit(store, steps=("fetch", "report"))

    assert _apply(store, make_outcome("started", second)).refused == 1


def test_a_big_batch_is_recorded_whole(store: Store) -> None:
    tasks = [_admit(store)[0] for _ in range(5)]
    new = [make_run() for _ in range(1200)]
    with store.writing() as conn:
        more = [make_task(run) for run in new]
        runs.insert_admitted(conn, new, more)

    applied = _apply(store, *(make_outcome("finished", task) for task in tasks + more))

    assert len(applied.ended) == 1205
    with store.reading() as conn:
        assert sum(runs.count_open(conn).values()) == 0
