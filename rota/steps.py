"""Which steps of a run come next, decided from the states of all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rota.jobs import Step
from rota.states import TERMINAL, RunState

_BAD_ENDS = (RunState.CANCELLED, RunState.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to do now: steps to queue, steps to skip, and how the run ended (None while it goes on)."""

    ready: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    run_state: RunState | None = None


def decide_next(steps: Iterable[Step], states: Mapping[str, RunState]) -> Decision:
    """Return what follows from the states of the steps; a step without a state is waiting.

    A step starts when all it needs has ended and its `when` holds: `success` if everything needed succeeded, `failure`
    if anything before it failed, `always` in any case. Otherwise it is skipped, and what needs it in turn is decided in
    the same call. Once a step was cancelled nothing starts any more. A run fails if any step failed, even if a later
    one tidied up.
    """
    steps = tuple(steps)
    known = {step.id: states.get(step.id, RunState.WAITING) for step in steps}
    ready: list[str] = []
    skip: list[str] = []
    broken = _downstream_of_failure(steps, known)
    cancelled = RunState.CANCELLED in known.values()
    pending = [step for step in steps if known[step.id] is RunState.WAITING]
    while pending:
        decided = [step for step in pending if all(known[needed] in TERMINAL for needed in step.needs)]
        for step in decided:
            if not cancelled and _holds(step, known, broken):
                ready.append(step.id)
                known[step.id] = RunState.QUEUED
            else:
                skip.append(step.id)
                known[step.id] = RunState.SKIPPED
        if not decided:
            break
        pending = [step for step in pending if step not in decided]
    return Decision(ready=tuple(ready), skip=tuple(skip), run_state=_end(known))


def _holds(step: Step, known: Mapping[str, RunState], broken: frozenset[str]) -> bool:
    if step.when == "always":
        return True
    if step.when == "failure":
        return step.id in broken
    return all(known[needed] is RunState.SUCCEEDED for needed in step.needs)


def _downstream_of_failure(steps: tuple[Step, ...], known: Mapping[str, RunState]) -> frozenset[str]:
    """Return the steps that have a failed one anywhere before them, also behind skipped ones."""
    failed = {step_id for step_id, state in known.items() if state is RunState.FAILED}
    broken: set[str] = set()
    growing = True
    while growing:
        found = {step.id for step in steps if not (failed | broken).isdisjoint(step.needs)}
        growing = not found <= broken
        broken |= found
    return frozenset(broken)


def _end(known: Mapping[str, RunState]) -> RunState | None:
    ends = set(known.values())
    if not ends <= TERMINAL:
        return None
    return next((state for state in _BAD_ENDS if state in ends), RunState.SUCCEEDED)
