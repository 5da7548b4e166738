"""The steps of a run as its page shows them: whole ones with their attempts, branched ones in short."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from rota.branches import UNDER_WAY, state_of_branches
from rota.states import TERMINAL, RunState
from store.records import TaskRecord

MOST_SHOWN = 50
"""Branches of a step that are listed one by one: those that failed first, then those under way."""

_RANKS = {RunState.FAILED: 0, RunState.CANCELLED: 1, **dict.fromkeys(UNDER_WAY, 2)}


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeStep:
    """A step that is one task."""

    task: TaskRecord
    branched: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchedStep:
    """A step that runs once for each entry of a list; `shown` are the branches that need a look."""

    name: str
    actor: str
    state: RunState
    total: int
    ended: int
    failed: int
    shown: tuple[TaskRecord, ...]
    left_out: int
    branched: bool = True


def steps_of(tasks: Sequence[TaskRecord]) -> list[WholeStep | BranchedStep]:
    """Return the steps in their order; `tasks` stand together by step."""
    found: list[WholeStep | BranchedStep] = []
    for _, group in groupby(tasks, key=lambda task: task.step):
        of_step = list(group)
        found.append(WholeStep(task=of_step[0]) if of_step[0].branch < 0 else _branched(of_step))
    return found


def _branched(branches: Sequence[TaskRecord]) -> BranchedStep:
    notable = [task for task in branches if task.state in _RANKS]
    notable.sort(key=lambda task: (_RANKS[task.state], task.branch))
    return BranchedStep(
        name=branches[0].step,
        actor=branches[0].actor,
        state=state_of_branches(task.state for task in branches),
        total=len(branches),
        ended=sum(task.state in TERMINAL for task in branches),
        failed=sum(task.state is RunState.FAILED for task in branches),
        shown=tuple(notable[:MOST_SHOWN]),
        left_out=max(0, len(notable) - MOST_SHOWN),
    )
