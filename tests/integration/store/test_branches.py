"""The branches of a step are made of its waiting task, once, and read without reading too much."""

from __future__ import annotations

from typing import Any

import msgspec

from rota.ids import new_id
from rota.messages import TaskMessage
from rota.runs import Failure, Progress
from rota.states import RunState
from store.engine import Store
from store.queries import outcomes, runs
from store.records import Fan, NewTask
from tests.factories import NOW, make_outcome, make_run, make_task


def _admit(store: Store) -> NewTask:
    run = make_run()
    task = make_task(run, step="each", state=RunState.WAITING)
    with store.writing() as conn:
        runs.insert_admitted(conn, [run], [task])
    return task


def _fan_of(task: NewTask, items: list[Any], started: int) -> Fan:
    branches = [
        NewTask(
            id=task.id if n == 0 else new_id(),
            run=task.run,
            step=task.step,
            branch=n,
            item=item,
            actor="sleep",
            queue="default",
            state=RunState.QUEUED if n < started else RunState.WAITING,
        )
        for n, item in enumerate(items)
    ]
    return Fan(run=task.run, branches=tuple(map(_with_message, branches)), at=NOW + 1)


def _with_message(task: NewTask) -> NewTask:
    if task.state is RunState.WAITING:
        return task
    message = TaskMessage(task=task.id, run=task.run, job="tidy", step=task.step, actor="sleep", queue="default")
    return msgspec.structs.replace(task, message=message)


def _fan_out(store: Store, items: list[Any], started: int) -> tuple[NewTask, Fan]:
    task = _admit(store)
    fan = _fan_of(task, items, started)
    with store.writing() as conn:
        runs.fan_out(conn, [fan])
    return task, fan


def test_the_waiting_task_becomes_the_first_branch(store: Store) -> None:
    task, _fan = _fan_out(store, ["a", None, {"n": 1}], started=2)

    with store.reading() as conn:
        detail = runs.run_detail(conn, task.run)
        found = runs.steps_of(conn, [task.run])[task.run]
    assert detail.run.task_count == 3
    assert [(each.branch, each.item, each.state.value, each.queued_at) for each in detail.tasks] == [
        (0, "a", "queued", NOW + 1),
        (1, None, "queued", NOW + 1),
        (2, {"n": 1}, "waiting", None),
    ]
    assert detail.tasks[0].id == task.id
    assert (found.steps, found.branches) == ((), {"each": {RunState.QUEUED: 2, RunState.WAITING: 1}})
    assert found.states() == {"each": RunState.RUNNING}


def test_a_list_is_made_once(store: Store) -> None:
    task, fan = _fan_out(store, ["a", "b"], started=1)

    with store.writing() as conn:
        runs.fan_out(conn, [fan, _fan_of(task, ["x", "y", "z"], started=1)])

    with store.reading() as conn:
        detail = runs.run_detail(conn, task.run)
    assert (detail.run.task_count, [each.item for each in detail.tasks]) == (2, ["a", "b"])


def test_the_next_branches_wait_in_order(store: Store) -> None:
    task, fan = _fan_out(store, [10, 11, 12, 13], started=1)

    with store.writing() as conn:
        waiting = runs.waiting_branches(conn, task.run, "each", limit=2)
        assert runs.skip_branches(conn, task.run, "each", at=NOW, reason="the run was cancelled") == 3
        assert runs.waiting_branches(conn, task.run, "each", limit=2) == []

    assert [(each.task, each.branch, each.item) for each in waiting] == [
        (fan.branches[1].id, 1, 11),
        (fan.branches[2].id, 2, 12),
    ]


def test_results_are_read_up_to_a_bound(store: Store) -> None:
    task, fan = _fan_out(store, list(range(120)), started=120)
    failure = Failure(type="ValueError", message="boom")
    with store.writing() as conn:
        outcomes.apply(
            conn,
            [
                make_outcome("finished", each, state="failed", error=failure)
                if each.branch == 1
                else make_outcome("finished", each, result="xx")
                for each in fan.branches
            ],
        )

    with store.reading() as conn:
        everything, complete = runs.branch_results(conn, task.run, "each", most_bytes=10_000)
        some, cut = runs.branch_results(conn, task.run, "each", most_bytes=2 + 5 + 5 + 5)
        failed = runs.first_failure(conn, task.run, "each")
    assert (len(everything), everything[:3], complete) == (120, ["xx", None, "xx"], True)
    assert (some, cut) == (["xx", None, "xx"], False)
    assert failed == failure


def test_progress_of_the_run_is_that_of_its_branches(store: Store) -> None:
    task, fan = _fan_out(store, [1, 2, 3], started=2)
    first, second, _ = fan.branches
    with store.writing() as conn:
        outcomes.apply(conn, [make_outcome("finished", first)])
        outcomes.apply(conn, [make_outcome("started", second, progress=Progress(done=5, text="half way"))])

    with store.reading() as conn:
        run = runs.get_run(conn, task.run)
    assert run.progress is not None
    assert (run.progress.done, run.progress.total, run.progress.text) == (1, 3, "each 1: half way")
    assert run.state is RunState.RUNNING


def test_the_end_of_the_only_branch_is_not_the_end_of_the_run(store: Store) -> None:
    _task, fan = _fan_out(store, [1], started=1)

    with store.writing() as conn:
        (ended,) = outcomes.apply(conn, [make_outcome("finished", fan.branches[0])]).ended

    assert (ended.task_count, ended.branch, ended.alone) == (1, 0, False)
