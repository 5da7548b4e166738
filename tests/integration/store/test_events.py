"""Received events are recorded once, with what they matched."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

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
        ((seq, new),) = events.record(conn, [event], at=NOW + 1)
        events.set_matched(conn, {seq: matched})
        assert new == event

    with store.reading() as conn:
        found = events.find(conn, source="app", event_id="1")
        assert events.find(conn, source="other", event_id="1") is None

    assert found is not None
    assert (found.type, found.subject, found.time, found.received_at) == ("entry.created", "a/b", NOW, NOW + 1)
    assert (found.envelope, found.matched) == (to_envelope(event), tuple(matched))


def test_an_event_that_comes_again_stays_as_it_was(store: Store) -> None:
    with store.writing() as conn:
        ((seq, _),) = events.record(conn, [_event()], at=NOW)
        events.set_matched(conn, {seq: [Matched(job="index", run="r1")]})

        again = [_event(data="other"), _event("2"), _event("2"), _event(source="other")]
        new = events.record(conn, again, at=NOW + 1)
        assert events.record(conn, [], at=NOW) == []

        found = events.find(conn, source="app", event_id="1")

    assert [(event.source, event.id) for _, event in new] == [("app", "2"), ("other", "1")]
    assert found is not None
    assert (found.received_at, [match.run for match in found.matched]) == (NOW, ["r1"])
    assert found.envelope["data"] == {"size": 3}


def test_events_get_their_numbers_in_the_order_given(store: Store) -> None:
    with store.writing() as conn:
        new = events.record(conn, [_event(str(n)) for n in range(1200)], at=NOW)

    assert [event.id for _, event in new] == [str(n) for n in range(1200)]
    assert [seq for seq, _ in new] == sorted(seq for seq, _ in new)


def test_an_event_that_two_schedulers_record_at_once_is_new_to_one_of_them(database_url: str, store: Store) -> None:
    """The second waits for the first, instead of finding nothing and inserting as well."""
    other = Store(database_url)
    began = threading.Event()

    def second() -> list[tuple[int, Event]]:
        began.set()
        return other.write(lambda conn: events.record(conn, [_event(), _event("2")], at=NOW))

    with ThreadPoolExecutor(1) as pool, store.writing() as conn:
        mine = events.record(conn, [_event()], at=NOW)
        theirs = pool.submit(second)
        began.wait(10)
        conn.commit()
        assert [event.id for _, event in theirs.result(20)] == ["2"]
    other.close()

    assert [event.id for _, event in mine] == ["1"]


def test_events_are_listed_newest_first(store: Store) -> None:
    with store.writing() as conn:
        for number in range(5):
            events.record(conn, [_event(str(number), type="a" if number % 2 else "b")], at=NOW)

    with store.reading() as conn:
        first = events.list_events(conn, limit=3)
        second = events.list_events(conn, limit=3, cursor=first.next)
        assert [event.id for event in first.items + second.items] == ["4", "3", "2", "1", "0"]
        assert [event.id for event in events.list_events(conn, type_="a").items] == ["3", "1"]
        assert events.list_events(conn, source="other").items == []
