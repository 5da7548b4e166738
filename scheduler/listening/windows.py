"""Windows: events that were gathered for one run, which starts when they are due.

The row of a window is the truth: it is written in the transaction that records its events, and removed in the one that
admits its run, which has the window's id. The timetable only wakes the scheduler. An entry that comes too early is
moved on, one whose window is gone is dropped, and one that was lost is entered again by `look` before it is due.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from bus.timetable import Window, WindowAdvance
from rota.errors import TemporaryError
from rota.runs import MAX_MESSAGE_BYTES, cut_middle, plain_text
from scheduler.admission.admitting import Admitted, admit_in
from scheduler.admission.emission import emit_admitted
from scheduler.halving import each_alone
from scheduler.listening.matching import request_of_window
from store.queries import events as event_rows
from store.queries import windows as rows

if TYPE_CHECKING:
    from bus.connection import Bus
    from rota.clock import Clock
    from scheduler.admission.drafts import Request
    from scheduler.jobs.catalogue import Catalogue
    from scheduler.jobs.plans import Plan
    from store.engine import Connection, Store
    from store.records import WindowRecord

logger = logging.getLogger(__name__)

#: Time between two looks at the windows that are due soon.
LOOK_SECONDS = 5.0
#: Windows entered in one look; more of them are entered a second later.
MOST_ENTERED = 2000
MORE_SECONDS = 1.0
#: Events that are read at a time for the windows that fire.
MOST_READ = 1000


@dataclass(slots=True)
class _Fired:
    """What one transaction did: how many of the windows it came to, and what of them is to be emitted."""

    done: int = 0
    admitted: list[Admitted] = field(default_factory=list)
    advances: list[WindowAdvance] = field(default_factory=list)


class Windows:
    """Lets windows become runs; called by the duties of the ticks and of the events, and only while leading."""

    def __init__(self, store: Store, bus: Bus, catalogue: Catalogue, *, clock: Clock) -> None:
        self._store = store
        self._bus = bus
        self._catalogue = catalogue
        self._clock = clock
        self._look_at = 0.0

    def fire(self, epoch: int, due: Sequence[Window], now: int) -> None:
        """Start the runs of windows that are due by the store, and move or drop the entries of the others.

        StaleEpoch is raised when the epoch is over; the runs are recorded then, and the sweeper sends them.
        """
        each_alone(
            due,
            lambda some: self._fire(epoch, some, now),
            lambda one, error: self._set_aside(epoch, one, str(error), now),
        )

    def look(self, now: int) -> None:
        """Enter what is due before the next look, if it is time to: whatever Redis forgot is there again."""
        at = self._clock.monotonic()
        if at < self._look_at:
            return
        before = now + int(2 * LOOK_SECONDS * 1000)
        with self._store.reading() as conn:
            soon = rows.upcoming(conn, before=before, limit=MOST_ENTERED)
        if soon:
            self._bus.timetable.put_windows(soon)
        self._look_at = at + (LOOK_SECONDS if len(soon) < MOST_ENTERED else MORE_SECONDS)

    def _fire(self, epoch: int, due: Sequence[Window], now: int) -> None:
        while due:
            here = due
            fired = self._store.write(lambda conn, here=here: self._admit(conn, here, now))  # type: ignore[misc]
            emit_admitted(self._bus, epoch, fired.admitted, windows=fired.advances)
            due = due[fired.done :]

    def _admit(self, conn: Connection, due: Sequence[Window], now: int) -> _Fired:
        """Admit the first of these windows, as many as may be read at a time."""
        self._catalogue.refresh(conn)
        fired = _Fired()
        if self._catalogue.current.paused is not None:
            # Looks enter them again, and are not taken for as long as everything is paused.
            fired.advances = [WindowAdvance(id=one.id, due=one.due, next_due=None) for one in due]
            fired.done = len(due)
            return fired
        here = {record.id: record for record in rows.lock(conn, [one.id for one in due])}
        ready: list[WindowRecord] = []
        size = 0
        for one in due:
            record = here.get(one.id)
            later = record is not None and record.due > now
            if record is not None and not later:
                if ready and size + record.count > MOST_READ:
                    break
                ready.append(record)
                size += record.count
            next_due = record.due if record is not None and later else None
            fired.advances.append(WindowAdvance(id=one.id, due=one.due, next_due=next_due))
            fired.done += 1
        requests, plans = self._requests(conn, ready)
        fired.admitted = admit_in(conn, requests, now=now, plans=plans)
        rows.drop(conn, [record.id for record in ready])
        return fired

    def _requests(self, conn: Connection, ready: Sequence[WindowRecord]) -> tuple[list[Request], Mapping[str, Plan]]:
        plans = self._catalogue.plans(conn, {record.job for record in ready})
        gathered = event_rows.gathered_by(conn, [record.id for record in ready])
        requests = []
        for record in ready:
            events = gathered.get(record.id)
            if not events or record.job not in plans:
                logger.warning("window.dropped", extra={"window": record.id, "job": record.job})
                continue
            requests.append(request_of_window(record.id, record.trigger, events, plans[record.job]))
        return requests, plans

    def _set_aside(self, epoch: int, one: Window, reason: str, now: int) -> None:
        """Record a window that cannot be started as skipped; drop it if its events cannot even be read."""
        reason = cut_middle(plain_text(reason), MAX_MESSAGE_BYTES)
        logger.error("window.set_aside", extra={"window": one.id, "reason": reason})

        def record(conn: Connection) -> None:
            requests, plans = self._requests(conn, rows.lock(conn, [one.id]))
            skips = [msgspec.structs.replace(request, skip=reason, params={}) for request in requests]
            admit_in(conn, skips, now=now, plans=plans)
            rows.drop(conn, [one.id])

        try:
            self._store.write(record)
        except TemporaryError:
            raise
        except Exception:
            logger.exception("window.dropped", extra={"window": one.id})
            self._store.write(lambda conn: rows.drop(conn, [one.id]))
        emit_admitted(self._bus, epoch, [], windows=[WindowAdvance(id=one.id, due=one.due, next_due=None)])
