"""What is due and what became of it: the ticks of a range, why a job ran or not, making up for ticks, the pause."""

from __future__ import annotations

from typing import Annotated, Any, get_args

from fastapi import Query, Request
from starlette.responses import Response

from console.api.answers import documented, reply, reply_list
from console.api.definitions import find
from console.api.identity import Asking
from console.api.making_up import make_up
from console.api.parts import Given, Parts
from console.api.pausing import pause, resume
from console.api.problems import Problem
from console.api.requests import Body, Payload, time_in
from console.api.routing import new_router
from console.api.shapes import BackfillShape, ExplanationShape, FindingShape, PauseShape
from console.api.shaping import when
from console.api.upcoming import due_in, due_in_all, next_ticks
from rota.jobs import Overlap
from rota.times import MAX_MS, rfc3339
from scheduler.timing.explaining import explain
from store.queries import jobs

router = new_router(tag="jobs")

MINUTE_MS = 60_000
MOST_TICKS = 1000
Count = Annotated[int, Query(ge=1, le=MOST_TICKS, description="How many at the most.")]
From = Annotated[str | None, Query(alias="from", max_length=40, description="RFC 3339, included; default now.")]
Until = Annotated[str | None, Query(max_length=40, description="RFC 3339, not included.")]
At = Annotated[str, Query(max_length=40, description="RFC 3339; the minute from then on, unless `until` is given.")]

_BACKFILL = {
    "application/json": {
        "type": "object",
        "required": ["from", "until"],
        "properties": {
            "from": {"type": "string", "format": "date-time"},
            "until": {"type": "string", "format": "date-time"},
            "overlap": {"type": "string", "enum": list(get_args(Overlap))},
            "dry_run": {"type": "boolean"},
        },
        "additionalProperties": False,
    }
}
_REASON = {
    "application/json": {
        "type": "object",
        "properties": {"reason": {"type": "string", "maxLength": 500}},
        "additionalProperties": False,
    }
}


@router.get("/upcoming", **documented("JobTick[]"))
def upcoming_of_all(
    request: Request, parts: Given, who: Asking, until: Until = None, *, start: From = None, count: Count = 100
) -> Response:
    """Tell what is due in a range, by all enabled jobs: a dry run of the schedules. Without `until` it is a day."""
    begin, end = _range(parts, start, until)
    with parts.store.reading() as conn:
        found = due_in_all(conn, begin, end, count, now=parts.clock.now_ms(), owner=who.owner)
    return reply_list(request, found, None)


@router.get("/jobs/{name}/upcoming", **documented("Tick[]"))
def upcoming(
    request: Request,
    name: str,
    parts: Given,
    *,
    who: Asking,
    count: Count = 10,
    start: From = None,
    until: Until = None,
) -> Response:
    """Tell when the job is due, next or in a range, by all its triggers; a disabled job says when it would be."""
    job = find(parts, who, name).job()
    if until is None:
        begin = parts.clock.now_ms() if start is None else (time_in(start, "from") or 0) - 1
        return reply_list(request, next_ticks(job, begin, count), None)
    begin, end = _range(parts, start, until)
    return reply_list(request, due_in(job, begin, end, count), None)


@router.get("/jobs/{name}/explain", **documented("Explanation"))
def explain_job(name: str, parts: Given, who: Asking, at: At, until: Until = None) -> Response:
    """Tell what became of the ticks that were due at a time: the run, or why there is none."""
    start = time_in(at, "at") or 0
    end = min(start + MINUTE_MS, MAX_MS) if until is None else time_in(until, "until") or 0
    if end <= start:
        raise _invalid("until", "must be later than at")
    with parts.store.reading() as conn:
        known = jobs.find(conn, name)
        if who.owner is not None or known is not None:
            who.check(known.owner if known is not None else "", f"job {name}")
        found = explain(conn, name, start, end, now=parts.clock.now_ms())
    findings = [
        FindingShape(
            due=rfc3339(each.due),
            trigger=each.trigger,
            said=each.said,
            run=each.run,
            state=None if each.state is None else each.state.value,
        )
        for each in found.findings
    ]
    return reply(
        ExplanationShape(
            job=name,
            at=rfc3339(start),
            until=rfc3339(end),
            findings=findings,
            said=found.said,
            before=when(found.before),
            after=when(found.after),
        )
    )


@router.post("/jobs/{name}/backfill", **documented("Backfill", status=202, body=_BACKFILL))
def backfill_job(name: str, parts: Given, who: Asking, body: Body) -> Response:
    """Start a run for each tick of a past range that became none; safe to repeat. Overlap is buffer_all by default."""
    given = _backfill_fields(body)
    start, end = time_in(given.get("from"), "from"), time_in(given.get("until"), "until")
    if start is None or end is None or end <= start:
        raise _invalid("until" if start is not None else "from", "the range needs from, and until later than it")
    overlap, dry_run = given.get("overlap"), bool(given.get("dry_run", False))
    found = make_up(parts, who, name, start, end, overlap=overlap, dry_run=dry_run)
    shape = BackfillShape(
        due=len(found.due),
        done=len(found.done),
        ticks=[rfc3339(due) for due in found.left],
        runs=[admitted.run for admitted in found.admitted],
    )
    return reply(shape, status=202)


@router.get("/pause", **documented("Pause"))
def get_pause(parts: Given) -> Response:
    """Tell whether everything is paused, since when, by whom and why."""
    return _pause(parts)


@router.put("/pause", **documented("Pause", body=_REASON))
def pause_everything(parts: Given, who: Asking, body: Body) -> Response:
    """Pause everything: nothing new is started. Due ticks and events wait; what runs goes on to its end."""
    reason = _fields(body, {"reason": str}).get("reason")
    pause(parts, who, reason)
    return _pause(parts)


@router.delete("/pause", **documented("Pause"))
def resume_everything(parts: Given, who: Asking) -> Response:
    """Let things start again: each job's catch_up decides about the ticks of the meantime, events are taken up."""
    resume(parts, who)
    return _pause(parts)


def _pause(parts: Parts) -> Response:
    with parts.store.reading() as conn:
        held = jobs.paused(conn)
    if held is None:
        return reply(PauseShape(paused=False, since=None, person=None, reason=None))
    return reply(PauseShape(paused=True, since=rfc3339(held.at), person=held.person, reason=held.reason))


def _range(parts: Parts, start: str | None, until: str | None) -> tuple[int, int]:
    begin = time_in(start, "from")
    if begin is None:
        begin = parts.clock.now_ms()
    end = time_in(until, "until")
    if end is None:
        end = begin + 24 * 60 * MINUTE_MS
    if end <= begin:
        raise _invalid("until", "must be later than from")
    return begin, end


def _backfill_fields(body: Payload) -> dict[str, Any]:
    given = _fields(body, {"from": str, "until": str, "overlap": str, "dry_run": bool})
    if given.get("overlap") not in (None, *get_args(Overlap)):
        raise _invalid("overlap", f"must be one of {', '.join(get_args(Overlap))}")
    return given


def _fields(body: Payload, kinds: dict[str, type]) -> dict[str, Any]:
    given = body.mapping()
    for name, value in given.items():
        if name not in kinds:
            raise _invalid(name, f"is unknown; allowed: {', '.join(kinds)}")
        if not isinstance(value, kinds[name]):
            raise _invalid(name, "must be text" if kinds[name] is str else "must be true or false")
    return given


def _invalid(path: str, message: str) -> Problem:
    listed = [{"pointer": f"/{path}", "path": path, "message": message}]
    return Problem(422, "the request is not valid", name="invalid-request", errors=listed)
