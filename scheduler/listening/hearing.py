"""What a batch of events comes to: matched, and then within one transaction recorded, gathered, throttled, admitted.

In it the events are inserted first. Only one transaction can insert each of them, so whatever follows is done once for
each, however often it is delivered and however many schedulers take themselves for the leader.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rota.rates import Starts, next_start, with_start
from rota.times import iso_duration
from scheduler.admission.admitting import Admitted, admit_in
from scheduler.listening.gathering import Arrivals, Place, gather
from scheduler.listening.matching import Match, match, request_of
from store.queries import events as event_rows
from store.queries import rates
from store.records import Matched

if TYPE_CHECKING:
    from rota.events import Event
    from scheduler.jobs.catalogue import Snapshot
    from scheduler.jobs.plans import Subscription, Throttling
    from store.engine import Connection

Matches = Mapping[tuple[str, str], Sequence[Match]]
"""Who hears an event, by its source and id."""


@dataclass(slots=True)
class Heard:
    """What became of a batch: how many events were new, how many of them a job heard, and what they started.

    `opened` are windows with the times at which they are due, `full` are windows that are due now.
    """

    new: int = 0
    matched: int = 0
    admitted: list[Admitted] = field(default_factory=list)
    opened: list[tuple[str, int]] = field(default_factory=list)
    full: list[str] = field(default_factory=list)


def match_all(events: Iterable[Event], snapshot: Snapshot) -> Matches:
    """Return for each event, by source and id, who hears it.

    To be called before the transaction: conditions may take seconds together, in which nobody else could write.
    """
    found: dict[tuple[str, str], list[Match]] = {}
    for event in events:
        if (event.source, event.id) not in found:
            found[event.source, event.id] = match(event, snapshot)
    return found


def hear(
    conn: Connection, events: Sequence[Event], snapshot: Snapshot, now: int, *, matches: Matches | None = None
) -> Heard:
    """Record events, and do for those that are new what the jobs that listen want.

    `matches` are those of all the events with this snapshot, None if there are none yet.
    """
    batch = _Batch(conn, snapshot, now)
    fresh = event_rows.record(conn, events, at=now)
    if matches is None:
        matches = match_all((event for _, event in fresh), snapshot)
    for seq, event in fresh:
        batch.hear(seq, event, matches[event.source, event.id])
    heard = batch.carry_out()
    heard.new = len(fresh)
    return heard


class _Batch:
    """Collects what a batch wants, so that each kind of it is a few statements for all of them."""

    def __init__(self, conn: Connection, snapshot: Snapshot, now: int) -> None:
        self._conn = conn
        self._snapshot = snapshot
        self._now = now
        self._asked: list[tuple[int, Event, Match]] = []
        self._arrivals: dict[Place, Arrivals] = {}
        self._silent: list[tuple[int, Matched]] = []

    def hear(self, seq: int, event: Event, matches: Iterable[Match]) -> None:
        """Note what those who hear an event want."""
        for one in matches:
            trigger = one.trigger
            if trigger is None:
                self._silent.append((seq, Matched(job=one.job, reason=one.reason)))
            elif trigger.gathering is not None:
                place = Place(job=one.job, trigger=trigger.trigger, key=one.key)
                self._arrivals.setdefault(place, Arrivals(trigger.gathering)).events.append(seq)
            else:
                self._asked.append((seq, event, one))

    def carry_out(self) -> Heard:
        """Write it all."""
        conn, now = self._conn, self._now
        # Windows come before limits, as when they fire: so two schedulers cannot deadlock with each other.
        grown = gather(conn, self._arrivals, now)
        allowed = list(self._throttled())
        listeners = self._snapshot.listeners
        requests = [request_of(event, trigger, listeners[trigger.job]) for _, event, trigger in allowed]
        admitted = admit_in(conn, requests, now=now, plans=listeners)
        matched: dict[int, list[Matched]] = {}
        for seq, silent in self._silent:
            matched.setdefault(seq, []).append(silent)
        for (seq, _, _), answer in zip(allowed, admitted, strict=True):
            matched.setdefault(seq, []).append(Matched(job=answer.job, run=answer.run, reason=answer.reason))
        for (place, seq), run in grown.runs.items():
            matched.setdefault(seq, []).append(Matched(job=place.job, run=run))
        event_rows.set_matched(conn, matched)
        heard = {*(seq for seq, _, _ in allowed), *(seq for _, seq in grown.runs)}
        return Heard(matched=len(heard), admitted=admitted, opened=grown.opened, full=grown.full)

    def _throttled(self) -> Iterator[tuple[int, Event, Subscription]]:
        """Give what is within the limits of its trigger; the first come first, the others get their reason."""
        keys = {_rate_key(one) for _, _, one in self._asked if one.trigger is not None and one.trigger.throttling}
        counted = rates.load(self._conn, keys)
        changed: dict[str, Starts] = {}
        # All come at the same time: a key that has reached its limit stays there for the rest of the batch.
        over: dict[str, Matched] = {}
        for seq, event, one in self._asked:
            trigger = one.trigger
            assert trigger is not None
            if trigger.throttling is not None:
                key = _rate_key(one)
                starts = None if key in over else let_through(counted[key], trigger.throttling, self._now)
                if starts is None:
                    if key not in over:
                        over[key] = Matched(job=one.job, reason=_too_many(trigger.throttling, one.key))
                    self._silent.append((seq, over[key]))
                    continue
                counted[key] = changed[key] = starts
            yield seq, event, trigger
        rates.save(self._conn, changed)


def let_through(starts: Starts, throttling: Throttling, now: int) -> Starts | None:
    """Return the starts with one more, or None if there were as many as may be."""
    # A clock that was set back must not silence a job until it has caught up.
    now = max((now, *starts.at[-1:]))
    start = next_start(starts.at, limit=throttling.limit, period_ms=throttling.period_ms, now=now)
    return with_start(starts, now, period_ms=throttling.period_ms, now=now) if start == now else None


def _rate_key(one: Match) -> str:
    assert one.trigger is not None
    return f"throttle:{one.job}:{one.trigger.trigger}:{one.key}"


def _too_many(throttling: Throttling, key: str) -> str:
    events = "1 event" if throttling.limit == 1 else f"{throttling.limit} events"
    with_key = f" with the key {key}" if key else ""
    return f"throttled: {events}{with_key} in {iso_duration(throttling.period_ms)} may start a run"
