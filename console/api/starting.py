"""Starting a job in somebody's name: admitted in the store first, then sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from fastapi import Header
from starlette.responses import Response

from console.api.answers import reply
from console.api.deeds import deed
from console.api.identity import Who
from console.api.parts import Parts
from console.api.problems import Problem
from rota.ids import new_id
from rota.params import bind_params
from rota.runs import Cause
from scheduler.admission.admitting import Admitted, Request, admit, deliver
from store.queries import audit, jobs, runs
from store.records import RunRecord

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        description="The same key of the same caller starts the job once; the answer names the same run.",
    ),
]


def start_job(parts: Parts, who: Who, name: str, params: Mapping[str, Any], *, key: str | None = None) -> Admitted:
    """Start a job and return what became of it.

    Raises NotFound for a job that does not exist or is not theirs, Refused for a disabled one, InvalidDefinition for
    parameters that do not fit, and a Problem for what their role may not start, and for a key that was used with other
    parameters.
    """
    now = parts.clock.now_ms()
    with parts.store.reading() as conn:
        record = jobs.get(conn, name)
    who.check(record.owner, f"job {name}")
    who.check_run(name, params)
    request_id = new_id() if key is None else request_id_of(who, key)
    request = Request(job=name, cause=Cause.of_person(who.name, request_id), params=dict(params))
    (admitted,) = admit(parts.store, [request], now=now, actors=parts.actors)
    if admitted.repeated:
        _check_same(parts, admitted.run, bind_params(record.job(), params))
        return admitted
    deliver(parts.bus, [admitted])
    with parts.store.writing() as conn:
        audit.add(conn, [deed(who, "job.run", f"job:{name}", now, run=admitted.run)])
    return admitted


def repeated(parts: Parts, who: Who, name: str, key: str | None) -> RunRecord | None:
    """Return the run of a job that somebody has started with this key: what it was about may be gone by now."""
    if key is None:
        return None
    cause = Cause.of_person(who.name, request_id_of(who, key)).key
    with parts.store.reading() as conn:
        return runs.with_causes(conn, name, [cause]).get(cause)


def request_id_of(who: Who, key: str) -> str:
    """Return what names a request for ever; keys of different people never meet."""
    # The length keeps name and key apart.
    return f"{len(who.name)}:{who.name}:{key}"


def started(admitted: Admitted) -> Response:
    """Answer that a run was admitted, and where it is."""
    said = {"run": admitted.run, "state": admitted.state, "reason": admitted.reason}
    return reply(said, status=202, headers={"Location": f"/api/v1/runs/{admitted.run}"})


def _check_same(parts: Parts, run_id: str, params: Mapping[str, Any]) -> None:
    with parts.store.reading() as conn:
        run = runs.get_run(conn, run_id)
    # Compared as they are stored: 1 and 1.0 are one number in JSON.
    if msgspec.json.encode(run.params, order="sorted") != msgspec.json.encode(params, order="sorted"):
        raise Problem(422, "this Idempotency-Key was used with other parameters", name="idempotency-key-reused")
