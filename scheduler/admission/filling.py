"""What a step is given: its parameters with every expression filled in, and the message that carries them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from rota.errors import InvalidDefinition, RotaError
from rota.expressions import Expression, ExpressionFailed, fill
from rota.jobs import MAX_BRANCHES
from rota.messages import Priority, TaskMessage
from rota.runs import Cause, person_of
from rota.sealing import keyless
from rota.times import rfc3339
from scheduler.jobs.plans import Plan, StepPlan

MAX_ITEMS_BYTES = 1024 * 1024
"""The most that the list of a step with for_each may take as JSON: each entry is kept with its branch."""

_TYPES: dict[type, str] = {bool: "boolean", int: "integer", float: "number", str: "string", dict: "object"}


def step_message(
    step: StepPlan,
    *,
    task: str,
    run: str,
    job: str,
    owner: str,
    cause: Cause,
    priority: Priority,
    chain: tuple[str, ...],
    params: dict[str, Any],
) -> TaskMessage:
    """Return the message of a step's first attempt. Filled-in parameters are given, fixed ones are the step's."""
    return TaskMessage(
        task=task,
        run=run,
        job=job,
        step=step.id,
        actor=step.actor,
        queue=step.queue,
        params=params,
        priority=priority,
        owner=owner,
        started_by=cause.person,
        timeout_ms=step.timeout_ms,
        retries=step.retries,
        chain=chain,
    )


def context_for(
    plan: Plan,
    *,
    run: str,
    owner: str,
    params: Mapping[str, Any],
    cause: Cause,
    event: Mapping[str, Any] | None,
    events: Sequence[Mapping[str, Any]] = (),
    steps: Mapping[str, Any] | None = None,
    datasources: Sequence[str] = (),
) -> dict[str, Any]:
    """Return what expressions of a step may name.

    What is slow to get, and not named by any of them, is left out by the caller.
    """
    return {
        "params": keyless(params),
        "steps": steps or {},
        "run": {
            "id": run,
            "owner": owner,
            "person": person_of(cause, owner),
            "cause": cause.kind,
            "due": None if cause.due is None else rfc3339(cause.due),
        },
        "job": job_context(plan),
        "event": event,
        "events": events,
        "datasources": datasources,
    }


def key_context(plan: Plan, *, params: Mapping[str, Any], person: str) -> dict[str, Any]:
    """Return what the expressions of a limited key may name."""
    return {"params": keyless(params), "job": job_context(plan), "run": {"person": person}}


def job_context(plan: Plan) -> dict[str, Any]:
    """Return what expressions see as `job`."""
    return {"name": plan.job.name, "label": plan.job.title, "owner": plan.job.owner}


def filled(step: StepPlan, context: Mapping[str, Any]) -> dict[str, Any]:
    """Return a step's parameters with every expression replaced; ExpressionFailed if one has no value."""
    params = fill(step.params, context)
    assert isinstance(params, dict)
    return params


def items_of(expression: Expression, context: Mapping[str, Any]) -> list[Any]:
    """Return the list that a step runs once for each entry of; ExpressionFailed if it is none, or too long."""
    items = expression.evaluate(context)
    if not isinstance(items, list):
        raise ExpressionFailed(f"for_each: {expression.text!r} gives {_kind(items)}, not a list")
    if len(items) > MAX_BRANCHES:
        raise ExpressionFailed(f"for_each: a list of {len(items)} entries is given, allowed are {MAX_BRANCHES}")
    size = len(msgspec.json.encode(items))
    if size > MAX_ITEMS_BYTES:
        raise ExpressionFailed(f"for_each: the list takes {size} bytes, allowed are {MAX_ITEMS_BYTES}")
    return items


def in_one_line(error: RotaError) -> str:
    """Return an error as the reason of a run or of a task."""
    if isinstance(error, InvalidDefinition):
        return "; ".join(str(problem) for problem in error.problems)
    return str(error)


def _kind(value: object) -> str:
    return "nothing" if value is None else f"a value of type {_TYPES.get(type(value), type(value).__name__)}"
