"""Events that were received, and what they matched."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import Connection, RowMapping, bindparam, select, tuple_

from rota.events import Event, to_envelope
from store import dialects
from store.batches import batches
from store.cursors import decode_number_cursor, encode_cursor, page_limit
from store.encoding import dumps, loads
from store.records import EventRecord, Matched, Page
from store.tables import events

_insert = dialects.insert_new(events)
_identity = (events.c.source, events.c.event_id)
# Made once: building it takes longer than running it.
_known = select(*_identity).where(tuple_(*_identity).in_(bindparam("pairs", expanding=True)))
_decode_matched = msgspec.json.Decoder(tuple[Matched, ...]).decode


def record(conn: Connection, received: Sequence[tuple[Event, Sequence[Matched]]], *, at: int) -> int:
    """Record events with what they matched; return how many were new.

    An event whose source and id are known was delivered before, and stays as it was recorded then.
    """
    rows = [
        {
            "source": event.source,
            "event_id": event.id,
            "type": event.type,
            "subject": event.subject,
            "time": event.time,
            "received_at": at,
            "envelope": dumps(to_envelope(event)),
            "matched": dumps(tuple(matched)),
        }
        for event, matched in received
    ]
    return conn.execute(_insert[conn.dialect.name], rows).rowcount if rows else 0


def known(conn: Connection, pairs: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return those of these (source, id) that were received before."""
    found: set[tuple[str, str]] = set()
    for batch in batches(pairs):
        found.update((source, event_id) for source, event_id in conn.execute(_known, {"pairs": batch}))
    return found


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
