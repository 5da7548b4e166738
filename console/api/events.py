"""`/events`: publishing them, and what came of those that were received."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query, Request
from starlette.responses import Response

from console.api.answers import documented, reply, reply_list
from console.api.parts import Given, Parts
from console.api.problems import Problem, pointer
from console.api.requests import Body, Cursor, Limit
from console.api.routing import new_router
from console.api.shapes import EventLagShape
from console.api.shaping import event_shape
from rota.errors import InvalidEvent
from rota.events import Event, decode_batch, decode_binary, decode_structured
from store.queries import events

router = new_router(tag="events")

_STRUCTURED = "application/cloudevents+json"
_BATCH = "application/cloudevents-batch+json"
_ENVELOPE: dict[str, Any] = {
    "type": "object",
    "required": ["specversion", "id", "source", "type"],
    "properties": {name: {"type": "string"} for name in ("specversion", "id", "source", "type", "time", "subject")},
}
_BODIES = {
    _STRUCTURED: _ENVELOPE,
    _BATCH: {"type": "array", "items": _ENVELOPE},
    "application/json": {"description": "An envelope, a list of them, or with ce- headers the data alone."},
}


@router.post("/events", **documented("Accepted", status=202, body=_BODIES))
def publish(request: Request, parts: Given, body: Body) -> Response:
    """Publish events: CloudEvents 1.0, structured, binary or as a batch.

    What is accepted is in the bus and will be matched. In a batch, events that are not valid are listed and their
    neighbours are published; the same source and id start the same job only once, so sending again is safe.
    """
    if "ce-id" in request.headers or "ce-type" in request.headers or "ce-specversion" in request.headers:
        return _publish(parts, [decode_binary(dict(request.headers), body.body)])
    if body.kind == _BATCH or (body.kind in ("", "application/json") and body.body.lstrip()[:1] == b"["):
        return _publish(parts, decode_batch(body.body))
    if body.kind not in ("", _STRUCTURED, "application/json"):
        raise Problem(415, f"send {_STRUCTURED}, {_BATCH}, or the data with ce- headers")
    return _publish(parts, [decode_structured(body.body)])


@router.get("/events", **documented("Event[]"))
def list_events(
    request: Request,
    parts: Given,
    event_type: Annotated[str | None, Query(alias="type", max_length=1024, description="Exactly this type.")] = None,
    *,
    source: Annotated[str | None, Query(max_length=1024)] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Response:
    """List events that were received and what they matched, newest first."""
    with parts.store.reading() as conn:
        page = events.list_events(conn, type_=event_type, source=source, cursor=cursor, limit=limit)
    return reply_list(request, map(event_shape, page.items), page.next)


@router.get("/events/lag", **documented("EventLag"))
def lag(parts: Given) -> Response:
    """Tell how many published events wait to be matched, and for how long."""
    figures = parts.bus.census.figures()
    oldest = figures.events_oldest_ms
    return reply(
        EventLagShape(
            waiting=figures.events_waiting,
            oldest_seconds=None if oldest is None else oldest / 1000,
            dead=figures.dead_events,
        )
    )


def _publish(parts: Parts, decoded: list[Event | InvalidEvent] | list[Event]) -> Response:
    good = [event for event in decoded if isinstance(event, Event)]
    bad = [
        {"pointer": pointer(f"[{n}]"), "path": f"[{n}]", "message": str(event)}
        for n, event in enumerate(decoded)
        if isinstance(event, InvalidEvent)
    ]
    if bad and not good:
        raise Problem(422, "no event of the batch is valid", name="invalid-event", errors=bad)
    if good:
        parts.bus.events.publish(good)
    return reply({"accepted": len(good), "ids": [event.id for event in good], "errors": bad}, status=202)
