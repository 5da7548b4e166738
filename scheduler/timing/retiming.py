"""Brings the ticks in line with the definitions that changed, in store and timetable, page by page.

The store remembers up to which revision this is done, so a restart with nothing changed computes nothing. It is noted
only after the timetable was written: whoever dies in between leaves the page to be done again, and doing it twice is
doing it once. A large change takes many pages; ticks that are due meanwhile are decided between them, and a job that is
due before its page has come is brought in line first.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from bus.timetable import Tick
from scheduler.timing.timeline import Changes, changes
from store.queries import jobs, revision
from store.queries import ticks as tick_rows

if TYPE_CHECKING:
    from bus.connection import Bus
    from scheduler.jobs.catalogue import Catalogue
    from store.engine import Connection, Store

logger = logging.getLogger(__name__)

#: Jobs in one page: about 40 ms, which is what a due tick may have to wait for it.
PAGE = 250


class Retiming:
    """Where the following of the definitions stands; of the ticks' thread only."""

    def __init__(self, store: Store, bus: Bus, catalogue: Catalogue) -> None:
        self._store = store
        self._bus = bus
        self._catalogue = catalogue
        #: The last job that was brought in line, by revision and name; None while that is to be asked of the store.
        self._done: tuple[int, str] | None = None
        self.behind = False
        """Whether there may be more to be done than has been."""

    def start_over(self) -> None:
        """Forget what is known: another leader may have gone on, or the timetable may have lost what was written."""
        self._done = None

    def look(self) -> None:
        """Ask whether a definition changed."""
        with self._store.reading() as conn:
            self._catalogue.refresh(conn)
            now = revision.read(conn)
        if self._done is None:
            self._done = (now.followed + 1, "")
        self.behind = now.value > now.followed

    def go_on(self, now: int) -> None:
        """Bring the next page of changed jobs in line; `now` is the time."""
        if self._done is None:
            return
        with self._store.reading() as conn:
            known = revision.read(conn).value
            page = revision.changed(conn, after=self._done, limit=PAGE)
        self._bring([change.name for change in page], now)
        if len(page) == PAGE:
            # Of the jobs that changed together with the last one some may be left.
            self._done = (page[-1].revision, page[-1].name)
            known = page[-1].revision - 1
        else:
            self._done = (known + 1, "")
            self.behind = False
        self._store.write(lambda conn: revision.mark_followed(conn, known))

    def follows(self, value: int) -> bool:
        """Return whether the ticks are in line with all definitions up to a revision."""
        return self._done is not None and value < self._done[0]

    def bring_first(self, names: Sequence[str], now: int) -> None:
        """Bring those of these jobs in line, out of their turn, that have changed and not come to it yet."""
        if self._done is None:
            return
        done = self._done
        with self._store.reading() as conn:
            found = revision.of_jobs(conn, names)
        self._bring([name for name, value in found.items() if (value, name) > done], now)

    def _bring(self, names: Sequence[str], now: int) -> None:
        if not names:
            return
        with self._store.reading() as conn:
            # Made here and kept, so that the writing transaction is a short one.
            self._catalogue.refresh(conn)
            self._catalogue.plans(conn, names)
        found = self._store.write(lambda conn: self._change(conn, names, now))
        self._bus.timetable.drop_ticks(Tick(job=job, trigger=trigger, due=0) for job, trigger in found.idle)
        self._bus.timetable.put_ticks(found.entries.values())

    def _change(self, conn: Connection, names: Sequence[str], now: int) -> Changes:
        self._catalogue.refresh(conn)
        plans = self._catalogue.plans(conn, names)
        unreadable = {name for name in names if name not in plans}
        found = changes(plans, tick_rows.of_jobs(conn, names), now, unreadable=unreadable)
        tick_rows.set_due(conn, found.rows)
        tick_rows.drop(conn, found.gone)
        set_aside(conn, found.failed, now)
        return found


def set_aside(conn: Connection, failed: Mapping[str, str], now: int) -> None:
    """Disable jobs whose schedule cannot be computed, for these reasons."""
    for job, reason in failed.items():
        jobs.set_enabled(conn, [job], False, at=now, reason=reason)
        logger.error("schedule.set_aside", extra={"job": job, "reason": reason})
