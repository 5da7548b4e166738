"""What a service delivers to a hook, made an event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from console.api.problems import Problem
from console.api.requests import Payload
from rota.events import MAX_EVENT_BYTES, Event, decode_structured
from rota.ids import new_id
from rota.times import rfc3339

_DELIVERY_IDS = ("idempotency-key", "webhook-id", "x-github-delivery", "x-gitlab-event-uuid")
_KINDS = ("x-github-event", "x-gitlab-event", "x-gitea-event", "x-event-key", "x-event-type")
_FORM = "application/x-www-form-urlencoded"
_MAX_FIELDS = 1000


def event_of(slug: str, headers: Mapping[str, str], payload: Payload, *, at: int) -> Event:
    """Return the event of a delivery; InvalidEvent or a Problem says why it is none.

    Of the headers it has what the service calls the delivery, as its id, and what it calls the kind of event, as
    `hookevent`. All others stay out: they may hold secrets.
    """
    if len(payload.body) > MAX_EVENT_BYTES:
        raise Problem(413, f"the body takes {len(payload.body)} bytes, allowed are {MAX_EVENT_BYTES} with all else")
    envelope: dict[str, Any] = {
        "specversion": "1.0",
        "id": _first(headers, _DELIVERY_IDS) or new_id(),
        "source": f"/hooks/{slug}",
        "type": f"hook.{slug}",
        "time": rfc3339(at),
    }
    if kind := _first(headers, _KINDS):
        envelope["hookevent"] = kind
    data = _data_of(payload)
    if data is not None:
        envelope["data"] = data
    return decode_structured(envelope)


def _first(headers: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((headers[name] for name in names if headers.get(name)), None)


def _data_of(payload: Payload) -> Any:
    """Return the body as what it says it is: JSON, which is meant too if it says nothing, a form, or text."""
    if not payload.body:
        return None
    if payload.kind in ("", "application/json") or payload.kind.endswith("+json"):
        return payload.json()
    if payload.kind != _FORM and not payload.kind.startswith("text/"):
        raise Problem(415, f"send JSON, text or {_FORM}, not {payload.kind[:100]}")
    try:
        text = payload.body.decode()
        return _fields(text) if payload.kind == _FORM else text
    except ValueError as error:
        raise Problem(400, f"the body is not {payload.kind} in UTF-8: {error}", name="malformed") from error


def _fields(text: str) -> dict[str, Any]:
    found = parse_qs(text, keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS)
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}
