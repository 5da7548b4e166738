"""Events that were received, and what they matched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter

import msgspec
from sqlalchemy import Connection, RowMapping, String, bindparam, insert, select, update

from rota.events import Event, from_envelope, to_envelope
from store import dialects
from store.batches import batches
from store.bulk import Bulk
from store.cursors import decode_number_cursor, encode_cursor, page_limit
from store.encoding import dumps, loads
from store.records import EventRecord, Matched, Page
from store.tables import events, gathered

_insert = {
    name: statement.returning(events.c.seq, events.c.source, events.c.event_id)
    for name, statement in dialects.insert_new(events).items()
}
_set_matched = Bulk(update(events).where(events.c.seq == bindparam("of_event")).values(matched=bindparam("to_matched")))
# Made once: building it takes longer than running it.
_places = (
    select(gathered.c.run, gathered.c.event)
    .where(gathered.c.run.in_(bindparam("ids", expanding=True)))
    .order_by(gathered.c.run, gathered.c.n)
)
_pass_on = insert(gathered).from_select(
    ("run", "n", "event"),
    select(bindparam("to_run", type_=String()), gathered.c.n, gathered.c.event).where(
        gathered.c.run == bindparam("of_run")
    ),
)
_envelopes = select(events.c.seq, events.c.envelope).where(events.c.seq.in_(bindparam("ids", expanding=True)))
_decode_matched = msgspec.json.Decoder(tuple[Matched, ...]).decode


def record(conn: Connection, received: Iterable[Event], *, at: int) -> list[tuple[int, Event]]:
    """Record events, and return those that were new with their numbers, in the order of the numbers.

    One whose source and id are known was delivered before and stays as it was recorded then. If another transaction
    is just recording the same one, this waits for its end: so exactly one of them is told that the event is new.
    """
    fresh: dict[tuple[str, str], Event] = {}
    for event in received:
        fresh.setdefault((event.source, event.id), event)
    if not fresh:
        return []
    rows = [
        {
            "source": event.source,
            "event_id": event.id,
            "type": event.type,
            "subject": event.subject,
            "time": event.time,
            "received_at": at,
            "envelope": dumps(to_envelope(event)),
            "matched": "[]",
        }
        for event in fresh.values()
    ]
    inserted = conn.execute(_insert[conn.dialect.name], rows)
    return sorted(((seq, fresh[source, event_id]) for seq, source, event_id in inserted), key=itemgetter(0))


def set_matched(conn: Connection, found: Mapping[int, Sequence[Matched]]) -> None:
    """Write beside events, by their numbers, which jobs heard them."""
    if found:
        rows = [{"of_event": seq, "to_matched": dumps(matched)} for seq, matched in found.items()]
        _set_matched.execute(conn, rows)


def gathered_by(conn: Connection, run_ids: Iterable[str]) -> dict[str, tuple[Event, ...]]:
    """Return the events that were gathered for each of these runs or windows, in the order of their arrival.

    An event that several have is read once and shared by them. Those that were pruned are missing.
    """
    places: dict[str, list[int]] = {}
    for batch in batches(run_ids):
        for run, seq in conn.execute(_places, {"ids": batch}):
            places.setdefault(run, []).append(seq)
    known: dict[int, Event] = {}
    for numbers in batches(dict.fromkeys(seq for seqs in places.values() for seq in seqs)):
        for seq, envelope in conn.execute(_envelopes, {"ids": numbers}):
            known[seq] = from_envelope(loads(envelope))
    return {run: tuple(known[seq] for seq in seqs if seq in known) for run, seqs in places.items()}


def pass_on(conn: Connection, run: str, *, to: str) -> None:
    """Give the events that were gathered for one run to another that takes its place."""
    conn.execute(_pass_on, {"of_run": run, "to_run": to})


def list_events(
    conn: Connection,
    *,
    type_: str | None = None,
    source: str | None = None,
    cursor: str | None = None,
    limit: int = 100,
) -> Page[EventRecord]:
    """Return a page of received events, newest first."""
    query = select(events)
    if type_ is not None:
        query = query.where(events.c.type == type_)
    if source is not None:
        query = query.where(events.c.source == source)
    if cursor is not None:
        query = query.where(events.c.seq < decode_number_cursor(cursor))
    count = page_limit(limit)
    rows = conn.execute(query.order_by(events.c.seq.desc()).limit(count + 1)).mappings()
    found = [_record(row) for row in rows]
    return Page(items=found[:count], next=encode_cursor(found[count - 1].seq) if len(found) > count else None)


def find(conn: Connection, *, source: str, event_id: str) -> EventRecord | None:
    """Return the event with this source and id, or None."""
    query = select(events).where(events.c.source == source, events.c.event_id == event_id)
    row = conn.execute(query).mappings().one_or_none()
    return None if row is None else _record(row)


def _record(row: RowMapping) -> EventRecord:
    return EventRecord(
        seq=row["seq"],
        id=row["event_id"],
        source=row["source"],
        type=row["type"],
        subject=row["subject"],
        time=row["time"],
        received_at=row["received_at"],
        envelope=loads(row["envelope"]),
        matched=_decode_matched(row["matched"]),
    )
