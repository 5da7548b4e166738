"""Received events are recorded once, with what they matched."""

from __future__ import annotations

from rota.events import Event, to_envelope
from store.engine import Store
from store.queries import events
from store.records import Matched
from tests.factories import NOW


def _event(event_id: str = "1", **fields: object) -> Event:
    defaults = {"source": "app", "type": "entry.created", "time": NOW, "subject": "a/b", "data": {"size": 3}}
    return Event(id=event_id, **(defaults | fields))  # type: ignore[arg-type]


def test_an_event_comes_back_with_what_it_matched(store: Store) -> None:
    event = _event(chain=("sync",))
    matched = [Matched(job="index", run="r1"), Matched(job="tidy", reason="its own run caused it")]
    with store.writing() as conn:
        assert events.record(conn, [(event, matched)], at=NOW + 1) == 1

    with store.reading() as conn:
        found = events.find(conn, source="app", event_id="1")
        assert events.find(conn, source="other", event_id="1") is None

    assert found is not None
    assert (found.type, found.subject, found.time, found.received_at) == ("entry.created", "a/b", NOW, NOW + 1)
    assert (found.envelope, found.matched) == (to_envelope(event), tuple(matched))


def test_an_event_that_comes_again_stays_as_it_was(store: Store) -> None:
    with store.writing() as conn:
        events.record(conn, [(_event(), [Matched(job="index", run="r1")])], at=NOW)

        again = [(_event(), []), (_event("2"), []), (_event(source="other"), [])]
        assert events.record(conn, again, at=NOW + 1) == 2
        assert events.record(conn, [], at=NOW) == 0

        found = events.find(conn, source="app", event_id="1")
        assert events.known(conn, [("app", "1"), ("app", "9"), ("other", "1")]) == {("app", "1"), ("other", "1")}

    assert found is not None
    assert (found.received_at, [match.run for match in found.matched]) == (NOW, ["r1"])


def test_events_are_listed_newest_first(store: Store) -> None:
    with store.writing() as conn:
        for number in range(5):
            events.record(conn, [(_event(str(number), type="a" if number % 2 else "b"), [])], at=NOW)

    with store.reading() as conn:
        first = events.list_events(conn, limit=3)
        second = events.list_events(conn, limit=3, cursor=first.next)
        assert [event.id for event in first.items + second.items] == ["4", "3", "2", "1", "0"]
        assert [event.id for event in events.list_events(conn, type_="a").items] == ["3", "1"]
        assert events.list_events(conn, source="other").items == []
