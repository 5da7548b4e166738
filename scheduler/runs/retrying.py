"""Starts ended runs once more: as a whole, or only what failed in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import msgspec
from pydantic import ValidationError

from rota.definitions import ActorSpec
from rota.errors import Refused
from rota.events import decode_structured
from rota.ids import new_id
from rota.jobs import Job
from rota.runs import Cause
from rota.states import TERMINAL, RunState
from scheduler.admission.admitting import Admitted, admit_in, deliver, refuse_while_paused
from scheduler.admission.drafts import Request
from scheduler.admission.quotas import Quota, check_quota
from scheduler.jobs.plans import Plan, make_plan
from store.queries import events, jobs, runs

if TYPE_CHECKING:
    from bus.connection import Bus
    from rota.events import Event
    from store.engine import Connection, Store
    from store.records import RunRecord

Only = Literal["failed"]
"""What of a run is started again, where it is not all of it."""


def retry(
    store: Store,
    bus: Bus,
    run_id: str,
    *,
    person: str,
    now: int,
    actors: Mapping[str, ActorSpec],
    request_id: str | None = None,
    only: Only | None = None,
    quota: Quota | None = None,
) -> Admitted:
    """Start an ended run once more: a new run with the same parameters, the same event and the same due time.

    It follows the job as it is now. With `only` failed it follows the version that the ended run followed, whose
    results fit no other: steps and branches that succeeded are taken over with their results, unless a step before them
    runs again; the others run. The ended one stays as it is: nothing leaves a terminal state. `request_id` makes the
    request safe to repeat. Raises NotFound; Refused while the run is open, when there is nothing that failed, when its
    job is disabled, or while everything is paused; InvalidDefinition when the job takes other parameters by now;
    QuotaExceeded for what goes beyond the quota.
    """
    with store.reading() as conn:
        run = runs.get_run(conn, run_id)
        event = _event_of(conn, run.cause)
        gathered = events.gathered_by(conn, [run_id]).get(run_id, ())
    _check(run, only)
    request = Request(
        job=run.job,
        cause=_cause(run, person=person, request_id=request_id),
        params=run.params,
        event=event,
        events=gathered,
        chain=run.chain,
        owner=run.owner,
        run=new_id(),
        takes_over=None if only is None else run_id,
    )

    def change(conn: Connection) -> Admitted:
        refuse_while_paused(conn)
        plan = _plan(conn, run, actors, only)
        if quota is not None:
            check_quota(conn, quota, [request], plans={run.job: plan})
        if gathered and not runs.find_by_cause(conn, [(run.job, request.cause.key)]):
            events.pass_on(conn, run_id, to=request.run or "")
        return admit_in(conn, [request], now=now, plans={run.job: plan})[0]

    admitted = store.write(change)
    deliver(bus, [admitted])
    return admitted


def _cause(run: RunRecord, *, person: str, request_id: str | None) -> Cause:
    """Return the cause of a run that is started in place of another: expressions see what the other saw."""
    parent = Cause.of_parent(run.id, f"retry:{request_id or new_id()}")
    old = run.cause
    return msgspec.structs.replace(parent, person=person, due=old.due, event=old.event, count=old.count)


def _check(run: RunRecord, only: Only | None) -> None:
    if run.state not in TERMINAL:
        raise Refused(f"the run is {run.state.value}; only one that has ended can be started again")
    if only is not None and run.state is RunState.SUCCEEDED:
        raise Refused("the run succeeded; there is nothing in it that failed")
    if only is not None and run.state is RunState.SKIPPED:
        raise Refused("the run was skipped; there is nothing of it to keep")


def _plan(conn: Connection, run: RunRecord, actors: Mapping[str, ActorSpec], only: Only | None) -> Plan:
    record = jobs.get(conn, run.job)
    if only is None:
        return make_plan(record.job(), version=record.version, actors=actors, enabled=record.enabled)
    definition = jobs.get_version(conn, run.job, run.job_version).definition
    try:
        job = Job.model_validate(definition)
    except ValidationError as error:
        raise Refused(f"version {run.job_version} of the job cannot be read any more; start the whole run") from error
    return make_plan(job, version=run.job_version, actors=actors, enabled=record.enabled)


def _event_of(conn: Connection, cause: Cause) -> Event | None:
    if cause.event is None:
        return None
    found = events.find(conn, source=cause.event["source"], event_id=cause.event["id"])
    return None if found is None else decode_structured(found.envelope)
