"""The branches of a step with for_each: which of them may start, and what they make of their step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rota.states import TERMINAL, RunState

UNDER_WAY = frozenset({RunState.QUEUED, RunState.RUNNING, RunState.RETRYING, RunState.PAUSED})
"""The states of a branch that counts against the limit of those that are under way at once."""

_BAD_ENDS = (RunState.FAILED, RunState.CANCELLED, RunState.SKIPPED)


def state_of_branches(states: Iterable[RunState]) -> RunState:
    """Return the state of a step from those of its branches: it is under way until all of them have ended.

    It fails if any branch failed, is cancelled if one was cancelled and none failed, and succeeds if all did.
    """
    found = set(states)
    if not found <= TERMINAL:
        return RunState.RUNNING
    return next((state for state in _BAD_ENDS if state in found), RunState.SUCCEEDED)


def free_branches(counts: Mapping[RunState, int], parallel: int) -> int:
    """Return how many waiting branches of a step may start now, so that at most `parallel` are under way."""
    under_way = sum(count for state, count in counts.items() if state in UNDER_WAY)
    return max(0, min(parallel - under_way, counts.get(RunState.WAITING, 0)))
