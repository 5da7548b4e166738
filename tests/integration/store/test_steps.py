"""Later steps are released or skipped once, and runs are closed once."""

from __future__ import annotations

from rota.messages import TaskMessage
from rota.runs import Failure
from rota.states import RunState
from store.engine import Store
from store.queries import runs
from store.queries.outcomes import joint_state
from store.records import Closing, NewTask, ReadyTask, SkippedTask
from tests.factories import NOW, make_run, make_task


def _two_steps(store: Store) -> tuple[NewTask, NewTask]:
    run = make_run()
    first, second = make_task(run, step="fetch"), make_task(run, step="report", state=RunState.WAITING)
    with store.writing() as conn:
        runs.insert_admitted(conn, [run], [first, second])
    return first, second


def _message(task: NewTask) -> TaskMessage:
    return TaskMessage(
        task=task.id, run=task.run, job="tidy", step=task.step, actor="http", queue="default", params={"url": "x"}
    )


def test_a_released_task_is_queued_with_its_message(store: Store) -> None:
    _first, second = _two_steps(store)
    ready = ReadyTask(task=second.id, message=_message(second), at=NOW + 5)

    with store.writing() as conn:
        assert runs.release_tasks(conn, [ready]) == 1
        assert runs.release_tasks(conn, [ready]) == 0
        assert runs.release_tasks(conn, []) == 0

    with store.reading() as conn:
        found = runs.run_detail(conn, second.run).tasks[1]
        sent = runs.open_tasks(conn, before=NOW + 6)
    assert (found.state, found.params, found.queued_at) == (RunState.QUEUED, {"url": "x"}, NOW + 5)
    assert [task.message for task in sent if task.id == second.id] == [_message(second)]


def test_a_skipped_task_ends_with_its_reason(store: Store) -> None:
    first, second = _two_steps(store)

    with store.writing() as conn:
        skipped = [SkippedTask(task=task.id, at=NOW, reason="fetch failed") for task in (first, second)]
        assert runs.skip_tasks(conn, skipped) == 1

    with store.reading() as conn:
        tasks = runs.run_detail(conn, second.run).tasks
    assert [(task.state, task.reason) for task in tasks] == [
        (RunState.QUEUED, None),
        (RunState.SKIPPED, "fetch failed"),
    ]


def test_a_run_is_closed_once(store: Store) -> None:
    first, _second = _two_steps(store)
    failure = Failure(type="ValueError", message="boom")

    with store.writing() as conn:
        failed = Closing(run=first.run, state=RunState.FAILED, at=NOW, started_at=NOW - 5, error=failure)
        assert runs.close(conn, [failed]) == 1
        assert runs.close(conn, [Closing(run=first.run, state=RunState.SUCCEEDED, at=NOW + 1)]) == 0

    with store.reading() as conn:
        run = runs.get_run(conn, first.run)
    assert (run.state, run.ended_at, run.started_at, run.error) == (RunState.FAILED, NOW, NOW - 5, failure)


def test_the_state_of_several_tasks_is_one_state() -> None:
    cases = {
        ("running", "waiting"): RunState.RUNNING,
        ("queued", "waiting"): RunState.QUEUED,
        ("succeeded", "queued"): RunState.RUNNING,
        ("succeeded", "retrying"): RunState.RETRYING,
        ("paused", "waiting"): RunState.PAUSED,
        ("paused", "running"): RunState.RUNNING,
        ("succeeded", "waiting"): RunState.RUNNING,
        ("succeeded", "failed"): RunState.RUNNING,
    }
    assert {states: joint_state(states, False) for states in cases} == cases
    assert joint_state(("succeeded", "waiting"), True) is RunState.PAUSED
