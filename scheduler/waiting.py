"""The duty of those that wait: what was left to start, and what the bus may not have heard of runs that were ended.

Whoever records the ends of runs promotes those that waited for their slots. What is left for a pass each second: slots
that were freed where nobody could promote (a person cancelled a paused run), what waits when a pause of everything
ends, and turns that have come.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from rota.loop import Loop
from scheduler.admission.promotion import begin, could_start, promote
from scheduler.runs.endings import Recorded
from store.queries import announcements, revision, runs

if TYPE_CHECKING:
    from bus.connection import Bus
    from rota.clock import Clock
    from scheduler.jobs.catalogue import Catalogue
    from scheduler.leader import Leader
    from store.engine import Connection, Store

INTERVAL_SECONDS = 1.0
#: The shortest time between two passes, however close turns follow each other.
SHORTEST_SECONDS = 0.1
#: Keys, or runs, in one transaction.
PAGE = 100
#: Pages of keys in one pass, so that many that are waited for cost a few percent of a core and no more.
PAGES = 20


class Waiting:
    """The duty of those that wait; only the leader's does anything."""

    def __init__(self, store: Store, bus: Bus, catalogue: Catalogue, leader: Leader, *, clock: Clock) -> None:
        self._store = store
        self._bus = bus
        self._catalogue = catalogue
        self._leader = leader
        self._clock = clock
        self._after = ""
        self.loop = Loop("waiting", self.step, interval=INTERVAL_SECONDS)

    def step(self) -> float:
        """Do one pass."""
        if self._leader.leading() is None:
            self._after = ""
            return INTERVAL_SECONDS
        self._tell_of_terminated()
        for _ in range(PAGES):
            if self._promote_page():
                break
        return self._begin_due()

    def _promote_page(self) -> bool:
        """Fill the free slots of a page of keys that somebody waits for; True when it was the last."""
        with self._store.reading() as conn:
            keys = runs.waited_for(conn, after=self._after, limit=PAGE)
            free = could_start(conn, keys)
        if free:
            now = self._clock.now_ms()
            self._carry_out(lambda conn, into: promote(conn, free, into, catalogue=self._catalogue, now=now))
        last = len(keys) < PAGE
        self._after = "" if last else max(keys)
        return last

    def _begin_due(self) -> float:
        """Let runs start whose turns have come; return the seconds until the next turn, or until the next pass."""
        now = self._clock.now_ms()
        with self._store.reading() as conn:
            due = runs.due_in_line(conn, at=now, limit=PAGE)
            next_turn = runs.next_turn(conn, after=now)
        if due:
            self._carry_out(lambda conn, into: begin(conn, due, into, catalogue=self._catalogue, now=now))
        if len(due) == PAGE and not self._paused():
            return 0.0
        if next_turn is None:
            return INTERVAL_SECONDS
        # On time, because two turns that are taken together are more than their rate allows.
        return min(INTERVAL_SECONDS, max(SHORTEST_SECONDS, (next_turn - now) / 1000))

    def _paused(self) -> bool:
        with self._store.reading() as conn:
            return revision.paused(conn) is not None

    def _carry_out(self, change: Callable[[Connection, Recorded], None]) -> None:
        """Start what can start in one transaction, and send it; what cannot be sent is left to the sweeper."""
        if self._leader.leading() is None:
            return

        def changed(conn: Connection) -> Recorded:
            recorded = Recorded()
            change(conn, recorded)
            announcements.leave_ends(conn, [one.run for one in recorded.closed])
            return recorded

        recorded = self._store.write(changed)
        self._bus.sender.send(recorded.messages, delays=recorded.delays)

    def _tell_of_terminated(self) -> None:
        """Take tasks away from the bus of runs that were ended in the store; whoever did it may have died since."""
        with self._store.reading() as conn:
            untold = runs.untold(conn, limit=PAGE)
        if untold:
            self._bus.control.request("terminate", [task for tasks in untold.values() for task in tasks])
            self._store.write(lambda conn: runs.told(conn, untold))
