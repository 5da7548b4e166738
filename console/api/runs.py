"""`/runs`: what ran and runs, its log, and stopping it."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query, Request
from starlette.responses import Response

from console.api.answers import documented, reply, reply_list
from console.api.archive_jobs import quota_of
from console.api.archive_places import check_again
from console.api.deeds import deed
from console.api.identity import Asking, Who
from console.api.parts import Given, Parts
from console.api.problems import Problem, pointer
from console.api.requests import Body, Cursor, Limit, Payload, time_in
from console.api.routing import new_router
from console.api.shaping import log_shape, run_detail_shape, run_shape
from console.api.starting import IdempotencyKey, request_id_of, started
from rota.errors import Refused
from rota.states import TERMINAL, RunState
from scheduler.admission.admitting import Admitted
from scheduler.runs import control, retrying
from scheduler.runs.retrying import Only
from store.queries import audit, runs
from store.records import CANCEL, RunRecord

router = new_router(tag="runs")

DEEDS = ("cancel", "pause", "resume")
_ONLY = {"application/json": {"type": "object", "properties": {"only": {"enum": ["failed"]}}}}
_RETRYING = documented("Started", status=202, body=_ONLY, needs_body=False, headers=("Location",))

Time = Annotated[str | None, Query(max_length=40, description="RFC 3339.")]


@router.get("/runs", **documented("Run[]"))
def list_runs(
    request: Request,
    parts: Given,
    who: Asking,
    *,
    job: Annotated[str | None, Query(max_length=200)] = None,
    state: Annotated[
        list[str] | None, Query(max_length=20, description="May be repeated, or hold several joined by commas.")
    ] = None,
    owner: Annotated[str | None, Query(max_length=200)] = None,
    cause: Literal["tick", "event", "person", "parent"] | None = None,
    since: Time = None,
    until: Time = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Response:
    """List runs, newest first; `since` and `until` bound the time of admission, both included."""
    filters = {
        "job": job,
        "states": _states(state or []),
        "owner": owner if who.owner is None else who.owner,
        "cause": cause,
        "since": time_in(since, "since"),
        "until": time_in(until, "until"),
    }
    with parts.store.reading() as conn:
        page = runs.list_runs(conn, **filters, cursor=cursor, limit=limit)  # type: ignore[arg-type]
    return reply_list(request, map(run_shape, page.items), page.next)


@router.get("/runs/{run_id}", **documented("RunDetail"))
def get_run(run_id: str, parts: Given, who: Asking) -> Response:
    """Return a run with its tasks and their attempts."""
    with parts.store.reading() as conn:
        detail = runs.run_detail(conn, run_id)
    who.check(detail.run.owner, f"run {run_id}")
    return reply(run_detail_shape(detail))


@router.get("/runs/{run_id}/log", **documented("LogLine[]"))
def get_log(
    request: Request,
    run_id: str,
    parts: Given,
    *,
    who: Asking,
    level: Annotated[
        Literal["debug", "info", "warning", "error"] | None, Query(description="Least level that is wanted.")
    ] = None,
    q: Annotated[str | None, Query(max_length=200, description="Text in the line.")] = None,
    after: Annotated[int, Query(ge=0, description="`seq` of the last line that is known.")] = 0,
    cursor: Annotated[int, Query(ge=0, description="`next` of the page before; the same as `after`.")] = 0,
    limit: Limit = 500,
) -> Response:
    """Return lines of the log, oldest first; whoever follows it asks again with the last `seq`."""
    find_run(parts, who, run_id)
    with parts.store.reading() as conn:
        page = runs.log(conn, run_id, level=level, q=q, after=max(after, cursor), limit=limit)
    return reply_list(request, map(log_shape, page.items), page.next)


@router.post("/runs/{run_id}/cancel", **documented("RunDetail", status=202))
def cancel_run(run_id: str, parts: Given, who: Asking) -> Response:
    """Cancel a run: what waits is dropped at once, what runs is told to stop."""
    return _controlled(parts, who, run_id, "cancel")


@router.post("/runs/{run_id}/pause", **documented("RunDetail", status=202))
def pause_run(run_id: str, parts: Given, who: Asking) -> Response:
    """Pause a run: it keeps its checkpoint and waits to be resumed."""
    return _controlled(parts, who, run_id, "pause")


@router.post("/runs/{run_id}/resume", **documented("RunDetail", status=202))
def resume_run(run_id: str, parts: Given, who: Asking) -> Response:
    """Let a paused run continue from its checkpoint."""
    return _controlled(parts, who, run_id, "resume")


@router.post("/runs/{run_id}/retry", **_RETRYING)
def retry_run(run_id: str, parts: Given, *, who: Asking, payload: Body, key: IdempotencyKey = None) -> Response:
    """Start the job of an ended run once more, with the same parameters.

    With `only` as failed, steps and branches that succeeded are taken over with their results and the others run again,
    by the version of the job that the ended run followed.
    """
    return started(retry(parts, who, run_id, key=key, only=_only(payload)))


def find_run(parts: Parts, who: Who, run_id: str) -> RunRecord:
    """Return a run that the asking person may see; NotFound otherwise."""
    with parts.store.reading() as conn:
        run = runs.get_run(conn, run_id)
    who.check(run.owner, f"run {run_id}")
    return run


def retry(parts: Parts, who: Who, run_id: str, *, key: str | None = None, only: Only | None = None) -> Admitted:
    """Start an ended run once more, or only what failed in it; Refused while the run is open."""
    run = find_run(parts, who, run_id)
    who.check_run(run.job, run.params)
    check_again(parts, who, run)
    now = parts.clock.now_ms()
    request_id = None if key is None else request_id_of(who, key)
    admitted = retrying.retry(
        parts.store,
        parts.bus,
        run_id,
        person=who.name,
        now=now,
        actors=parts.actors,
        request_id=request_id,
        only=only,
        quota=quota_of(parts, who, run.job),
    )
    if not admitted.repeated:
        _note(parts, who, "run.retry", run_id, run=admitted.run, **({} if only is None else {"only": only}))
    return admitted


def steer(parts: Parts, who: Who, run_id: str, wish: str) -> None:
    """Cancel, pause or resume a run; Refused when it is in no state for that."""
    run = find_run(parts, who, run_id)
    now = parts.clock.now_ms()
    if wish == "cancel":
        result = control.cancel(parts.store, parts.bus, [run_id], now=now, reason=f"cancelled by {who.name}")
    elif wish == "pause":
        result = control.pause(parts.store, parts.bus, [run_id])
    else:
        check_again(parts, who, run)
        result = control.resume(parts.store, parts.bus, [run_id], now=now, actors=parts.actors)
    if run_id in result.ignored:
        raise Refused(_why_ignored(run, wish))
    _note(parts, who, f"run.{wish}", run_id)


def _why_ignored(run: RunRecord, wish: str) -> str:
    if run.state in TERMINAL:
        return f"the run has ended: it is {run.state.value}"
    if run.cancel_requested == CANCEL:
        return "the run is being cancelled"
    return f"the run is {run.state.value}; there is nothing to {wish}"


def _note(parts: Parts, who: Who, action: str, run_id: str, **detail: str) -> None:
    with parts.store.writing() as conn:
        audit.add(conn, [deed(who, action, f"run:{run_id}", parts.clock.now_ms(), **detail)])


def _controlled(parts: Parts, who: Who, run_id: str, wish: str) -> Response:
    steer(parts, who, run_id, wish)
    with parts.store.reading() as conn:
        detail = runs.run_detail(conn, run_id)
    return reply(run_detail_shape(detail), status=202)


def _only(payload: Payload) -> Only | None:
    """Return what of the run a body asks to start again, None for all of it."""
    given = payload.mapping()
    if not given or given == {"only": "failed"}:
        return "failed" if given else None
    path = next((name for name in sorted(given) if name != "only"), "only")
    said = "must be failed, or left out" if path == "only" else "is unknown; allowed: only"
    listed = [{"pointer": pointer(path), "path": path, "message": said}]
    raise Problem(422, "the request is not valid", name="invalid-request", errors=listed)


def _states(given: list[str]) -> list[RunState]:
    names = [name for text in given for name in text.split(",") if name]
    try:
        return [RunState(name) for name in names]
    except ValueError as error:
        said = f"must be of {', '.join(RunState)}"
        listed = [{"parameter": "state", "path": "state", "message": said}]
        raise Problem(422, "the request is not valid", name="invalid-request", errors=listed) from error
