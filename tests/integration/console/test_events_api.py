from __future__ import annotations

from typing import Any

import httpx
import pytest

from rota.events import Event
from store.queries import events
from store.records import Matched
from tests.integration.console.serving import Console

EVENT: dict[str, Any] = {"specversion": "1.0", "id": "1", "source": "/test", "type": "entry.created", "data": {"n": 1}}


def published(console: Console) -> list[Event]:
    return [event for _, event, _ in console.parts.bus.events.read(block_ms=1) if isinstance(event, Event)]


def test_structured_event_is_in_the_bus(console: Console, admin: httpx.Client) -> None:
    for kind in ("application/cloudevents+json", "application/json"):
        answer = admin.post("/api/v1/events", json=EVENT, headers={"content-type": kind})
        assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "ids": ["1"], "errors": []})

    assert [(event.id, event.type, event.data) for event in published(console)] == [
        ("1", "entry.created", {"n": 1})
    ] * 2


def test_binary_event_has_its_attributes_in_headers(console: Console, admin: httpx.Client) -> None:
    headers = {f"ce-{name}": str(EVENT[name]) for name in ("specversion", "id", "source", "type")}

    answer = admin.post("/api/v1/events", json={"n": 2}, headers=headers)

    assert answer.status_code == 202
    (event,) = published(console)
    assert (event.source, event.data) == ("/test", {"n": 2})


def test_secret_of_the_publisher_does_not_travel_with_the_event(console: Console, admin: httpx.Client) -> None:
    headers = {f"ce-{name}": str(EVENT[name]) for name in ("specversion", "id", "source", "type")}
    admin.post("/api/v1/events", json={}, headers=headers)

    (event,) = published(console)
    assert event.extensions == {}


def test_bad_event_of_a_batch_leaves_its_neighbours_alone(console: Console, admin: httpx.Client) -> None:
    batch = [EVENT, {"id": "2"}, {**EVENT, "id": "3"}]

    answer = admin.post("/api/v1/events", json=batch, headers={"content-type": "application/cloudevents-batch+json"})

    assert answer.status_code == 202
    assert answer.json()["ids"] == ["1", "3"]
    (error,) = answer.json()["errors"]
    assert error["pointer"] == "/1"
    assert [event.id for event in published(console)] == ["1", "3"]


def test_batch_without_a_good_event_is_refused(console: Console, admin: httpx.Client) -> None:
    answer = admin.post("/api/v1/events", json=[{"id": "2"}])

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/0"
    assert published(console) == []


def test_publisher_may_publish_and_nothing_else(console: Console) -> None:
    publisher = console.as_("publisher")

    assert publisher.post("/api/v1/events", json=EVENT).status_code == 202
    assert publisher.get("/api/v1/events").status_code == 403


def test_received_events_tell_what_they_matched(console: Console, admin: httpx.Client) -> None:
    with console.parts.store.writing() as conn:
        for n in range(3):
            event = Event(id=str(n), source="/test", type="a.b", data={"n": n})
            ((seq, _),) = events.record(conn, [event], at=1_800_000_000_000)
            events.set_matched(conn, {seq: [Matched(job="nap", run=f"run-{n}")]})

    page = admin.get("/api/v1/events", params={"limit": 2, "type": "a.b"}).json()

    assert [event["id"] for event in page["items"]] == ["2", "1"]
    assert page["items"][0]["matched"] == [{"job": "nap", "run": "run-2", "reason": None}]
    assert page["items"][0]["data"] == {"n": 2}
    rest = admin.get("/api/v1/events", params={"cursor": page["next"]}).json()
    assert ([event["id"] for event in rest["items"]], rest["next"]) == (["0"], None)


def test_lag_is_told(console: Console, admin: httpx.Client) -> None:
    quiet = admin.get("/api/v1/events/lag").json()
    admin.post("/api/v1/events", json=EVENT)
    console.parts.bus.events.set_aside("0-1", {"id": "1"}, "it has no type")

    behind = admin.get("/api/v1/events/lag").json()

    assert quiet == {"waiting": 0, "oldest_seconds": None, "dead": 0}
    assert (behind["waiting"], behind["dead"]) == (1, 1)
    assert 0 <= behind["oldest_seconds"] < 60


def test_full_stream_answers_503_and_takes_events_again_when_there_is_room(
    console: Console, admin: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bus.events.MOST_WAITING", 2)
    answers = [admin.post("/api/v1/events", json={**EVENT, "id": f"{n}"}) for n in range(3)]

    assert [answer.status_code for answer in answers] == [202, 202, 503]
    assert int(answers[2].headers["Retry-After"]) > 0
    assert "2 events wait already" in answers[2].text
    ((entry, *_), *_) = console.parts.bus.events.read(1, block_ms=1)
    console.parts.bus.events.done([entry])
    assert admin.post("/api/v1/events", json={**EVENT, "id": "2"}).status_code == 202
