"""Fills the timetable from the store: fast when Redis has lost it, slowly to heal what is missing.

Both walk through the ticks in the store, page by page. An entry that is there for an earlier time stays, so a walk may
meet a trigger at any moment of its life. Entries are made for the due time itself: where jitter moves the start,
whoever claims the tick moves its entry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bus.timetable import Tick
from store.queries import ticks as tick_rows

if TYPE_CHECKING:
    from bus.connection import Bus
    from rota.clock import Clock
    from store.engine import Store

#: Triggers in one page of a fast walk, about 20 ms, and of a slow one.
FAST_PAGE, SLOW_PAGE = 2_000, 1_000
#: Time between two pages of a slow walk: a million triggers take a quarter of an hour and hardly any time.
SLOW_SECONDS = 1.0
#: Time between the beginnings of two slow walks, where one takes less than that.
WALK_SECONDS = 60.0


class Seeding:
    """Where the walk through the ticks stands; of the ticks' thread only."""

    def __init__(self, store: Store, bus: Bus, *, clock: Clock) -> None:
        self._store = store
        self._bus = bus
        self._clock = clock
        self._after: tuple[str, str] | None = None
        self._page_at = 0.0
        self._walk_at = 0.0
        self.fast = False
        """Whether the timetable is not whole, and a fast walk is on its way."""

    def start_over(self) -> None:
        """Begin a walk at once: something may have been lost, or somebody else has led meanwhile."""
        self._after = None
        self._page_at = self._walk_at = 0.0
        self.fast = False

    def look(self) -> None:
        """Ask whether the timetable is still what the store filled it with."""
        if not self.fast and not self._bus.timetable.seeded():
            self.start_over()
            self.fast = True

    def go_on(self) -> None:
        """Do a page, if it is time for one."""
        now = self._clock.monotonic()
        if not self.fast and now < self._page_at:
            return
        if self._after is None:
            if not self.fast and now < self._walk_at:
                return
            self._after = ("", "")
            self._walk_at = now + WALK_SECONDS
        self._page_at = now + SLOW_SECONDS
        self._page(FAST_PAGE if self.fast else SLOW_PAGE)

    def _page(self, size: int) -> None:
        assert self._after is not None
        with self._store.reading() as conn:
            page = tick_rows.page(conn, after=self._after, limit=size)
        self._bus.timetable.heal_ticks(
            Tick(job=row.job, trigger=row.trigger, due=row.due) for row in page if row.due is not None
        )
        if len(page) == size:
            self._after = (page[-1].job, page[-1].trigger)
            return
        self._after = None
        if self.fast:
            self._bus.timetable.mark_seeded()
            self.fast = False
