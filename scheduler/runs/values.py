"""What the expressions of one run may name, each thing read from the store when the first of them names it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from rota.branches import state_of_branches
from rota.events import context_of, decode_structured
from rota.expressions import ExpressionFailed
from rota.runs import Failure
from rota.states import TERMINAL, RunState
from scheduler.admission.filling import context_for
from store.queries import datasources, events, runs

if TYPE_CHECKING:
    from scheduler.jobs.plans import Plan
    from store.engine import Connection
    from store.records import RunSteps, StepRecord

MAX_RESULTS_BYTES = 4 * 1024 * 1024
"""The most that the results of a step's branches may take as JSON where an expression names results."""


class Values:
    """The values of one run within one round of decisions."""

    def __init__(self, conn: Connection, plan: Plan, run: RunSteps) -> None:
        self._conn = conn
        self._plan = plan
        self._run = run

    def named(self, names: frozenset[str], states: Mapping[str, RunState] | None = None) -> dict[str, Any]:
        """Return what these names stand for; `states` are those of the steps where they are known better by now.

        ExpressionFailed if results are named that are too large.
        """
        run = self._run
        context = context_for(
            self._plan,
            run=run.run,
            owner=run.owner,
            params=run.params,
            cause=run.cause,
            event=self._event if "event" in names else None,
            events=self._events if "events" in names else (),
            steps=self._steps_in(states or {}) if "steps" in names else None,
            datasources=self._datasources if "datasources" in names else (),
        )
        return {name: value for name, value in context.items() if name in names}

    def _steps_in(self, states: Mapping[str, RunState]) -> dict[str, Any]:
        return {
            name: {**said, "state": states[name].value} if name in states else said
            for name, said in self._steps.items()
        }

    @cached_property
    def _steps(self) -> dict[str, dict[str, Any]]:
        whole = {step.step: _whole(step) for step in self._run.steps}
        return whole | {step: self._branched(step, counts) for step, counts in self._run.branches.items()}

    def _branched(self, step: str, counts: Mapping[RunState, int]) -> dict[str, Any]:
        state = state_of_branches(counts)
        if state not in TERMINAL:
            return {"state": state.value, "result": None, "error": None}
        results, complete = runs.branch_results(self._conn, self._run.run, step, most_bytes=MAX_RESULTS_BYTES)
        if not complete:
            raise ExpressionFailed(f"the results of the step {step} take more than {MAX_RESULTS_BYTES} bytes")
        failed = runs.first_failure(self._conn, self._run.run, step) if state is RunState.FAILED else None
        return {"state": state.value, "result": results, "error": _error(failed)}

    @cached_property
    def _event(self) -> dict[str, Any] | None:
        named = self._run.cause.event
        if named is None:
            return None
        found = events.find(self._conn, source=named["source"], event_id=named["id"])
        return None if found is None else context_of(decode_structured(found.envelope))

    @cached_property
    def _events(self) -> list[dict[str, Any]]:
        gathered = events.gathered_by(self._conn, [self._run.run]).get(self._run.run, ())
        if gathered:
            return [context_of(event) for event in gathered]
        return [] if self._event is None else [self._event]

    @cached_property
    def _datasources(self) -> list[str]:
        return datasources.names(self._conn)


def _whole(step: StepRecord) -> dict[str, Any]:
    return {"state": step.state.value, "result": step.result, "error": _error(step.error)}


def _error(failure: Failure | None) -> dict[str, Any] | None:
    return None if failure is None else {"type": failure.type, "message": failure.message}
