"""Gathering: how events get into windows, within the transaction that records them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from rota.ids import new_id
from scheduler.jobs.plans import Gathering
from store.queries import windows as rows
from store.records import Gathered, WindowRecord

if TYPE_CHECKING:
    from store.engine import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an event is gathered."""

    job: str
    trigger: str
    key: str


@dataclass(slots=True)
class Arrivals:
    """The events, by number, that came for one place, in order."""

    gathering: Gathering
    events: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Grown:
    """What events did to windows: `runs` is, by place and event, the run to be; `opened` and `full` are windows."""

    runs: dict[tuple[Place, int], str] = field(default_factory=dict)
    opened: list[tuple[str, int]] = field(default_factory=list)
    full: list[str] = field(default_factory=list)


def gather(conn: Connection, arrivals: Mapping[Place, Arrivals], now: int) -> Grown:
    """Let events into the windows of their places; those that become full are due at once."""
    given = [_opened(place, one.gathering, len(one.events), now) for place, one in arrivals.items()]
    grown = Grown()
    filled: list[WindowRecord] = []
    more: list[WindowRecord] = []
    gathered: list[Gathered] = []
    for record, first, (place, one) in zip(rows.gather(conn, given), given, arrivals.items(), strict=True):
        before = record.count - first.count
        if before == 0:
            grown.opened.append((record.id, record.due))
        windows = _spread(record, place, one, now)
        filled += [window for window in windows[:1] if window.key is None]
        more += windows[1:]
        waiting = iter(one.events)
        for n, window in enumerate(windows):
            start = before if n == 0 else 0
            for at, event in zip(range(start, window.count), waiting, strict=False):
                gathered.append(Gathered(run=window.id, n=at, event=event))
                grown.runs[place, event] = window.id
    rows.fill(conn, filled)
    rows.add(conn, more)
    rows.add_events(conn, gathered)
    grown.opened += [(window.id, window.due) for window in more if window.key is not None]
    grown.full += [window.id for window in (*filled, *more) if window.key is None]
    return grown


def shares(before: int, arrived: int, most: int) -> list[int]:
    """Return how many events each window holds, when so many arrive where `before` are: all but the last are full."""
    first = before + min(arrived, max(most - before, 0))
    rest = before + arrived - first
    return [first, *[most] * (rest // most), *([rest % most] if rest % most else [])]


def _opened(place: Place, gathering: Gathering, count: int, now: int) -> WindowRecord:
    return WindowRecord(
        id=new_id(),
        job=place.job,
        trigger=place.trigger,
        key=place.key,
        opened_at=now,
        latest=now + gathering.max_wait_ms,
        due=now + gathering.quiet_ms,
        count=count,
    )


def _spread(record: WindowRecord, place: Place, one: Arrivals, now: int) -> list[WindowRecord]:
    """Return the windows that a place has when all events are in; a full one has no key and is due."""
    most = one.gathering.most
    sizes = shares(record.count - len(one.events), len(one.events), most)
    windows = [msgspec.structs.replace(record, count=sizes[0])]
    windows += [_opened(place, one.gathering, size, now) for size in sizes[1:]]
    return [
        msgspec.structs.replace(window, key=None, due=now) if window.count >= most else window for window in windows
    ]
