"""Which steps of a run come next, decided from the states of all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from rota.errors import RotaError
from rota.jobs import WHEN_WORDS, Step
from rota.states import TERMINAL, RunState

Holds = Callable[[Step, Mapping[str, RunState]], bool]
"""Evaluates the CEL condition of a step, given the states of all steps by then; a RotaError says why it cannot."""

_BAD_ENDS = (RunState.CANCELLED, RunState.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to do now: steps to queue, steps to skip, and how the run ended (None while it goes on).

    `failed` are the steps whose condition could not be evaluated, each with the reason; they count as failed already.
    """

    ready: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    failed: tuple[tuple[str, str], ...] = ()
    run_state: RunState | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenOver:
    """What a run has from an earlier one: `whole` steps, and of `partly` finished ones the branches that succeeded."""

    whole: frozenset[str]
    partly: frozenset[str]


def decide_next(
    steps: Iterable[Step], states: Mapping[str, RunState], holds: Holds, *, cancelled: bool = False
) -> Decision:
    """Return what follows from the states of the steps; a step without a state is waiting.

    A step starts when all it needs has ended and its `when` holds: `success` if everything needed succeeded, `failure`
    if anything before it failed, `always` in any case, and a condition whatever those ends were. Otherwise it is
    skipped, and what needs it in turn is decided in the same call. Once a step was cancelled, or the caller says so,
    nothing starts any more. A run fails if any step failed, even if a later one tidied up.
    """
    steps = tuple(steps)
    known = {step.id: states.get(step.id, RunState.WAITING) for step in steps}
    ready: list[str] = []
    skip: list[str] = []
    failed: list[tuple[str, str]] = []
    cancelled = cancelled or RunState.CANCELLED in known.values()
    pending = [step for step in steps if known[step.id] is RunState.WAITING]
    while pending:
        decided = [step for step in pending if all(known[needed] in TERMINAL for needed in step.needs)]
        before = dict(known)
        for step in decided:
            try:
                starts = not cancelled and _starts(step, steps, before, holds)
            except RotaError as error:
                failed.append((step.id, str(error)))
                known[step.id] = RunState.FAILED
                continue
            (ready if starts else skip).append(step.id)
            known[step.id] = RunState.QUEUED if starts else RunState.SKIPPED
        if not decided:
            break
        pending = [step for step in pending if step not in decided]
    return Decision(ready=tuple(ready), skip=tuple(skip), failed=tuple(failed), run_state=_end(known, cancelled))


def taken_over(steps: Iterable[Step], states: Mapping[str, RunState]) -> TakenOver:
    """Return what still counts of an ended run when what failed in it runs again.

    What comes after a step that runs again is decided anew, whatever became of it: it is told another result.
    """
    steps = tuple(steps)
    fine = (RunState.SUCCEEDED, RunState.SKIPPED)
    bad = {step.id for step in steps if states.get(step.id, RunState.WAITING) not in fine}
    after = _downstream(steps, bad)
    return TakenOver(
        whole=frozenset(
            step.id for step in steps if states.get(step.id) is RunState.SUCCEEDED and step.id not in after
        ),
        partly=frozenset(bad - after),
    )


def _starts(step: Step, steps: tuple[Step, ...], known: Mapping[str, RunState], holds: Holds) -> bool:
    if step.when == "always":
        return True
    if step.when == "failure":
        return step.id in _downstream(steps, {name for name, state in known.items() if state is RunState.FAILED})
    if step.when not in WHEN_WORDS:
        return holds(step, known)
    return all(known[needed] is RunState.SUCCEEDED for needed in step.needs)


def _downstream(steps: tuple[Step, ...], first: set[str]) -> set[str]:
    """Return the steps that have one of these anywhere before them, also behind skipped ones."""
    after: set[str] = set()
    growing = True
    while growing:
        found = {step.id for step in steps if not (first | after).isdisjoint(step.needs)}
        growing = not found <= after
        after |= found
    return after


def _end(known: Mapping[str, RunState], cancelled: bool) -> RunState | None:
    ends = set(known.values())
    if not ends <= TERMINAL:
        return None
    if cancelled:
        return RunState.CANCELLED
    return next((state for state in _BAD_ENDS if state in ends), RunState.SUCCEEDED)
