"""Whatever workers report, and however it is cut into batches, a task has one legal life."""

from __future__ import annotations

import copy

from hypothesis import given
from hypothesis import strategies as st

from rota.messages import Outcome
from rota.runs import Failure
from rota.states import TERMINAL, RunState, allowed
from store.folding import Folded, Task, fold
from tests.factories import make_outcome, make_run, make_task

TASK = make_task(make_run())


def _task() -> Task:
    return Task(
        id=TASK.id,
        run=TASK.run,
        step=TASK.step,
        branch=-1,
        state=RunState.QUEUED,
        reason=None,
        attempt=0,
        fence=0,
        repeats=0,
        checkpoint=None,
        progress=None,
        error=None,
        result=None,
        started_at=None,
        ended_at=None,
        retry_at=None,
        worker=None,
    )


_outcomes = st.builds(
    lambda kind, state, fence, attempt, lost: make_outcome(
        kind,
        TASK,
        fence=fence,
        attempt=attempt,
        # Each fence was handed out once; the bus keeps some for what it reports itself.
        worker="" if fence == 3 else f"worker-{fence}",
        state=state if kind == "finished" else None,
        error=Failure(type="WorkerLost") if lost else None,
    ),
    kind=st.sampled_from(["started", "progress", "log", "checkpoint", "finished"]),
    state=st.sampled_from([state.value for state in RunState]),
    fence=st.integers(1, 5),
    attempt=st.integers(1, 3),
    lost=st.booleans(),
)
_reports = st.lists(_outcomes, max_size=25)


def _fold(task: Task, reports: list[Outcome]) -> Folded:
    """Fold a batch as the next one would find the task in the store."""
    folded = fold({task.id: task}, reports)
    task.changed, task.lost_at = False, None
    return folded


@given(_reports)
def test_every_step_is_legal_and_fences_only_grow(reports: list[Outcome]) -> None:
    task = _task()
    for report in reports:
        state, fence = task.state, task.fence
        _fold(task, [report])
        assert task.fence >= fence
        assert task.state is state or allowed(state, task.state) or allowed(RunState.RUNNING, task.state)
        assert (task.ended_at is not None) == (task.state in TERMINAL)
        assert state not in TERMINAL or task.state is state


@given(_reports, st.integers(0, 25))
def test_where_the_batch_is_cut_makes_no_difference(reports: list[Outcome], cut: int) -> None:
    whole, halves = _task(), _task()

    once = _fold(whole, reports)
    first, second = _fold(halves, reports[:cut]), _fold(halves, reports[cut:])

    assert halves == whole
    assert first.refused + second.refused == once.refused
    assert len(first.ended) + len(second.ended) == len(once.ended) <= 1


# What one holder of a lease reports comes before what the next one does, and its end comes last.
_in_order = _reports.map(lambda found: sorted(found, key=lambda report: (report.fence, report.kind == "finished")))


@given(_in_order)
def test_a_batch_that_is_read_again_changes_nothing(reports: list[Outcome]) -> None:
    task = _task()
    _fold(task, reports)
    before = copy.deepcopy(task)

    again = _fold(task, reports)

    assert task == before
    assert (again.started, again.ended, again.attempts) == (0, [], {})
