"""Cancel, pause and resume are recorded before the bus is told."""

from __future__ import annotations

from rota.states import RunState
from store.engine import Store
from store.queries import outcomes, runs
from store.records import Closing, ControlResult, NewTask
from tests.factories import NOW, make_outcome, make_run, make_task


def _admit(store: Store, *states: RunState) -> list[NewTask]:
    run = make_run(slot_key=f"slot-{make_run().id}", slot_no=0)
    tasks = [make_task(run, step=f"s{number}", state=state) for number, state in enumerate(states)]
    with store.writing() as conn:
        runs.insert_admitted(conn, [run], tasks)
    return tasks


def _cancel(store: Store, *run_ids: str) -> ControlResult:
    with store.writing() as conn:
        return runs.request_cancel(conn, run_ids, at=NOW + 1, reason="alice cancelled it")


def _pause(store: Store, *run_ids: str) -> ControlResult:
    with store.writing() as conn:
        return runs.request_pause(conn, run_ids)


def _resume(store: Store, *run_ids: str) -> ControlResult:
    with store.writing() as conn:
        return runs.resume(conn, run_ids, at=NOW + 2)


def _report(store: Store, task: NewTask, kind: str, **fields: object) -> None:
    with store.writing() as conn:
        outcomes.apply(conn, [make_outcome(kind, task, **fields)])


def _states(store: Store, run: str) -> tuple[RunState, list[RunState]]:
    with store.reading() as conn:
        detail = runs.run_detail(conn, run)
    return detail.run.state, [task.state for task in detail.tasks]


def test_a_cancel_names_the_tasks_to_tell_the_bus(store: Store) -> None:
    first, _second = _admit(store, RunState.QUEUED, RunState.WAITING)

    result = _cancel(store, first.run, "none")

    assert (result.tasks, result.settled, result.ignored) == ((first.id,), (), ("none",))
    assert _states(store, first.run) == (RunState.QUEUED, [RunState.QUEUED, RunState.CANCELLED])
    with store.reading() as conn:
        assert runs.get_run(conn, first.run).cancel_requested == 1
        assert runs.open_tasks(conn, before=NOW + 1)[0].cancel_requested == 1
    assert _cancel(store, first.run).tasks == (first.id,)


def test_a_run_of_which_the_bus_has_nothing_is_cancelled_at_once(store: Store) -> None:
    (task,) = _admit(store, RunState.QUEUED)
    _report(store, task, "started")
    _report(store, task, "finished", state="paused")

    assert _cancel(store, task.run).settled == (task.run,)

    with store.reading() as conn:
        run = runs.get_run(conn, task.run)
    assert (run.state, run.reason, run.slot_key) == (RunState.CANCELLED, "alice cancelled it", None)
    assert _states(store, task.run)[1] == [RunState.CANCELLED]


def test_an_ended_run_is_not_cancelled(store: Store) -> None:
    (task,) = _admit(store, RunState.QUEUED)
    with store.writing() as conn:
        runs.close(conn, [Closing(run=task.run, state=RunState.SUCCEEDED, at=NOW)])

    assert _cancel(store, task.run).ignored == (task.run,)
    assert _pause(store, task.run).ignored == (task.run,)
    assert _resume(store, task.run).ignored == (task.run,)


def test_a_paused_task_continues_from_its_checkpoint(store: Store) -> None:
    (task,) = _admit(store, RunState.QUEUED)
    _report(store, task, "started")
    assert _pause(store, task.run).tasks == (task.id,)
    _report(store, task, "finished", state="paused", checkpoint={"page": 4})
    assert _states(store, task.run) == (RunState.PAUSED, [RunState.PAUSED])

    result = _resume(store, task.run)

    (message,) = result.send
    assert (message.task, message.attempt, message.state) == (task.id, 1, {"page": 4})
    assert (result.tasks, result.settled) == ((), (task.run,))
    assert _states(store, task.run) == (RunState.QUEUED, [RunState.QUEUED])
    _report(store, task, "started", fence=2)
    assert _states(store, task.run) == (RunState.RUNNING, [RunState.RUNNING])


def test_a_pause_between_two_attempts_does_not_give_the_failed_one_back(store: Store) -> None:
    (task,) = _admit(store, RunState.QUEUED)
    _report(store, task, "finished", state="retrying", retry_at=NOW + 60_000)
    _pause(store, task.run)
    _report(store, task, "finished", fence=2, worker="", state="paused")
    assert _states(store, task.run) == (RunState.PAUSED, [RunState.PAUSED])

    result = _resume(store, task.run)

    assert [message.attempt for message in result.send] == [2]
    with store.reading() as conn:
        (lost,) = runs.open_tasks(conn, before=NOW + 3)
    assert (lost.message.attempt, lost.retry_at) == (2, NOW + 60_000), "the same if Redis loses it now"
    _report(store, task, "started", fence=3, attempt=2)
    _report(store, task, "finished", fence=3, attempt=2, state="paused")
    assert [message.attempt for message in _resume(store, task.run).send] == [2], "this one had begun"


def test_a_resume_in_time_tells_the_bus_to_forget_the_pause(store: Store) -> None:
    (task,) = _admit(store, RunState.QUEUED)
    _pause(store, task.run)

    assert _resume(store, task.run) == ControlResult(tasks=(task.id,))
    assert _states(store, task.run) == (RunState.QUEUED, [RunState.QUEUED])


def test_a_run_between_its_steps_pauses_at_once_and_is_decided_again(store: Store) -> None:
    first, _second = _admit(store, RunState.QUEUED, RunState.WAITING)
    _report(store, first, "finished")

    assert _pause(store, first.run).settled == (first.run,)
    assert _states(store, first.run) == (RunState.PAUSED, [RunState.SUCCEEDED, RunState.WAITING])

    result = _resume(store, first.run)
    assert (result.undecided, result.settled) == ((first.run,), (first.run,))
    assert _states(store, first.run)[0] is RunState.WAITING


def test_a_step_that_ends_while_a_pause_is_asked_for_pauses_the_run(store: Store) -> None:
    first, _second = _admit(store, RunState.QUEUED, RunState.WAITING)
    _report(store, first, "started")
    _pause(store, first.run)

    _report(store, first, "finished")

    assert _states(store, first.run)[0] is RunState.PAUSED


def test_a_cancel_stands_against_pause_and_resume(store: Store) -> None:
    (task,) = _admit(store, RunState.QUEUED)
    _cancel(store, task.run)

    assert _pause(store, task.run).ignored == (task.run,)
    assert _resume(store, task.run).ignored == (task.run,)
    with store.reading() as conn:
        assert runs.get_run(conn, task.run).cancel_requested == 1


def test_many_are_cancelled_at_once(store: Store) -> None:
    tasks = [_admit(store, RunState.QUEUED)[0] for _ in range(12)]

    assert set(_cancel(store, *(task.run for task in tasks)).tasks) == {task.id for task in tasks}
