"""Published events: read, matched, admitted and done with, in this order.

An entry stays in the stream until its runs are in the store and their messages are sent. A repeated delivery (its
scheduler died in between, or the publisher sent it twice) finds its source and id recorded and starts nothing anew.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rota.errors import StaleEpoch
from rota.events import Event, InvalidEvent, encode_fields
from rota.loop import Loop
from scheduler.admission import Admitted, admit_in
from scheduler.halving import each_alone
from scheduler.matching import Match, match
from store.batches import batches
from store.queries import events as event_rows
from store.records import Matched

if TYPE_CHECKING:
    from bus.connection import Bus
    from rota.clock import Clock
    from scheduler.catalogue import Catalogue
    from scheduler.leader import Leader
    from scheduler.tally import Tally
    from store.engine import Connection, Store

logger = logging.getLogger(__name__)

BATCH = 500
#: How long one read waits for an event; a stop waits as long.
BLOCK_MS = 1000
#: Time between two looks at entries that somebody read and never finished: a frozen leader, or ourselves.
REWIND_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class _Recorded:
    """What one transaction has written: the events that were new with what they matched, and the runs."""

    found: list[tuple[Event, list[Match]]]
    admitted: list[Admitted]


class Events:
    """The duty of the events; only the leader's does anything."""

    def __init__(
        self, store: Store, bus: Bus, catalogue: Catalogue, leader: Leader, *, clock: Clock, tally: Tally
    ) -> None:
        self._store = store
        self._bus = bus
        self._catalogue = catalogue
        self._leader = leader
        self._clock = clock
        self._tally = tally
        self._epoch: int | None = None
        self._rewind_at = 0.0
        self.loop = Loop("events", self.step, interval=1.0)

    def step(self) -> float:
        """Read one batch and start what it starts; waits for it as long as `BLOCK_MS`."""
        epoch = self._leader.leading()
        if epoch is None:
            return 1.0
        if epoch != self._epoch or self._clock.monotonic() >= self._rewind_at:
            self._bus.events.rewind()
            self._epoch = epoch
            self._rewind_at = self._clock.monotonic() + REWIND_SECONDS
        entries = self._bus.events.read(BATCH, block_ms=BLOCK_MS)
        if not entries or self._leader.leading() != epoch:
            # What was read is not lost: the new leader looks at all that is unfinished.
            return 0.0
        try:
            self.take(epoch, entries)
        except StaleEpoch:
            self._leader.doubt()
        except Exception:
            self._epoch = None
            raise
        return 0.0

    def take(self, epoch: int, entries: Sequence[tuple[str, Event | InvalidEvent, dict[str, str]]]) -> None:
        """Start the jobs that listen for these events, and drop the entries."""
        good = [(entry, event) for entry, event, _ in entries if isinstance(event, Event)]
        bad = [(entry, fields, str(event)) for entry, event, fields in entries if isinstance(event, InvalidEvent)]
        each_alone(
            good,
            lambda some: self._start(epoch, some),
            lambda one, error: bad.append((one[0], encode_fields(one[1]), str(error))),
        )
        for entry, fields, reason in bad:
            logger.warning("event.set_aside", extra={"entry": entry, "reason": reason})
            self._bus.events.set_aside(entry, fields, reason)
            self._tally.add("events_refused")

    def _start(self, epoch: int, entries: Sequence[tuple[str, Event]]) -> None:
        events = [event for _, event in entries]
        recorded = self._store.write(lambda conn: self._record(conn, events))
        self._count(len(events), [matches for _, matches in recorded.found])
        # Like everything a leader emits: refused when its epoch is over.
        for messages in batches([message for one in recorded.admitted for message in one.messages]):
            self._bus.timetable.emit(epoch, (), messages)
        self._bus.events.done([entry for entry, _ in entries])

    def _record(self, conn: Connection, events: Sequence[Event]) -> _Recorded:
        """Record events that are new, with the runs that they start."""
        self._catalogue.refresh(conn)
        snapshot = self._catalogue.current
        before = event_rows.known(conn, [(event.source, event.id) for event in events])
        fresh: dict[tuple[str, str], Event] = {}
        for event in events:
            if (event.source, event.id) not in before:
                fresh.setdefault((event.source, event.id), event)
        found = [(event, match(event, snapshot)) for event in fresh.values()]
        requests = [one.request for _, matches in found for one in matches if one.request is not None]
        now = self._clock.now_ms()
        admitted = admit_in(conn, requests, now=now, plans=snapshot.plans)
        answers = iter(admitted)
        rows = [(event, [_matched(one, answers) for one in matches]) for event, matches in found]
        event_rows.record(conn, rows, at=now)
        return _Recorded(found, admitted)

    def _count(self, read: int, found: Sequence[Sequence[Match]]) -> None:
        matched = sum(1 for matches in found if any(one.request for one in matches))
        self._tally.add("events_repeated", read - len(found))
        self._tally.add("events_matched", matched)
        self._tally.add("events_ignored", len(found) - matched)


def _matched(one: Match, answers: Iterator[Admitted]) -> Matched:
    if one.request is None:
        return Matched(job=one.job, reason=one.reason)
    answer = next(answers)
    return Matched(job=one.job, run=answer.run, reason=answer.reason)
