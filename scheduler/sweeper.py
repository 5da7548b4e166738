"""What got lost between the others: leases of dead workers, tasks that Redis forgot, requests that reached nobody.

Each second it takes back expired leases and walks on through the tasks that should be in the bus, page by page.
One that the bus does not know, although its message went out some seconds ago, is sent again from the store with its
checkpoint. When this scheduler becomes the leader (always so after Redis was emptied, because the leadership was lost
with everything else) it looks at all of them at once, however young: a message that is there is not sent twice.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bus.messages import body_of, header_of
from rota.loop import Loop
from rota.messages import Outcome
from rota.states import RunState
from scheduler.admission.promotion import record_and_promote
from scheduler.runs import control
from scheduler.runs.endings import Recorded, ended_by_scheduler
from store.queries import announcements, runs
from store.records import CANCEL, PAUSE

if TYPE_CHECKING:
    from bus.connection import Bus
    from bus.control import Request as Word
    from rota.clock import Clock
    from scheduler.jobs.catalogue import Catalogue
    from scheduler.leader import Leader
    from scheduler.tally import Tally
    from store.engine import Connection, Store
    from store.records import OpenTask

logger = logging.getLogger(__name__)

PAGE = 500
#: Pages looked at in one pass, so that a large backlog costs a few percent of a core and no more.
PAGES = 2
#: How long a message may be on its way from the store to the bus before it is missed.
GRACE_MS = 5_000
#: Time between two passes over open runs that took too long.
OVERDUE_SECONDS = 5.0


class Sweeper:
    """The duty of what got lost; only the leader's does anything.

    `recording` is the recorder's lock: while a page is compared with the bus, nothing may become finished in between.
    """

    def __init__(
        self,
        store: Store,
        bus: Bus,
        catalogue: Catalogue,
        leader: Leader,
        *,
        recording: threading.Lock,
        clock: Clock,
        tally: Tally,
    ) -> None:
        self._store = store
        self._bus = bus
        self._catalogue = catalogue
        self._leader = leader
        self._recording = recording
        self._clock = clock
        self._tally = tally
        self._epoch: int | None = None
        self._looking: int | None = None
        self._after = ""
        self._overdue_at = 0.0
        self.loop = Loop("sweeper", self.step, interval=1.0)

    def step(self) -> float:
        """Do one pass; returns at once again while the first look of a new leader is not complete."""
        epoch = self._leader.leading()
        if epoch is None:
            self._epoch = None
            return 1.0
        self._pass_on_counts()
        self._bus.reaper.reap()
        if epoch != self._looking:
            # A new leader looks at all of them, from the first one on.
            self._looking, self._after = epoch, ""
        if epoch != self._epoch:
            if not self.sweep(grace_ms=0):
                return 0.0
            self._epoch = epoch
        self.sweep(grace_ms=GRACE_MS)
        self._let_go_of_paused()
        self._cancel_overdue()
        return 1.0

    def sweep(self, *, grace_ms: int) -> bool:
        """Look at the next few pages of tasks that should be in the bus; True when the last page was among them."""
        for _ in range(PAGES):
            with self._recording:
                page = self._look(self._clock.now_ms() - grace_ms)
            if len(page) < PAGE:
                self._after = ""
                return True
            self._after = page[-1].id
        return False

    def _look(self, before: int) -> list[OpenTask]:
        with self._store.reading() as conn:
            page = runs.open_tasks(conn, before=before, after_id=self._after, limit=PAGE)
        if not page:
            return page
        known = self._bus.sender.known([task.id for task in page])
        self._tell_again([task for task in page if task.id in known])
        self._end([task for task in page if task.id not in known and task.cancel_requested])
        self._send_again([task for task in page if task.id not in known and not task.cancel_requested])
        return page

    def _tell_again(self, tasks: Sequence[OpenTask]) -> None:
        """Ask again for what was asked for while the task was on its way to the bus."""
        words: tuple[tuple[int, Word], ...] = ((CANCEL, "cancel"), (PAUSE, "pause"))
        for number, word in words:
            asked = [task.id for task in tasks if task.cancel_requested == number]
            if asked:
                self._bus.control.request(word, asked)

    def _end(self, tasks: Sequence[OpenTask]) -> None:
        """End what is lost and shall not go on anyway."""
        if not tasks:
            return
        outcomes = [self._ending(task) for task in tasks]
        recorded = self._store.write(lambda conn: self._record(conn, outcomes))
        self._bus.sender.send(recorded.messages, delays=recorded.delays)

    def _ending(self, task: OpenTask) -> Outcome:
        state = RunState.CANCELLED if task.cancel_requested == CANCEL else RunState.PAUSED
        # A higher fence than any attempt had, so that a report of one that comes late is refused.
        return ended_by_scheduler(
            task.message,
            state,
            fence=task.fence + 1,
            at=self._clock.now_ms(),
            reason=f"{state.value} while it was lost",
        )

    def _record(self, conn: Connection, outcomes: Sequence[Outcome]) -> Recorded:
        recorded = record_and_promote(conn, outcomes, catalogue=self._catalogue, now=self._clock.now_ms())
        announcements.leave_ends(conn, [one.run for one in recorded.closed])
        return recorded

    def _send_again(self, tasks: Sequence[OpenTask]) -> None:
        if not tasks:
            return
        now = self._clock.now_ms()
        # What was waiting for its time, a retry or a turn within a rate limit, goes on waiting.
        self._bus.sender.put(
            (
                task.id,
                header_of(task.message),
                body_of(task.message),
                max(0, (task.retry_at or 0) - now, (task.start_at or 0) - now),
            )
            for task in tasks
        )
        with self._store.writing() as conn:
            runs.mark_sent(conn, [task.id for task in tasks], now)
        self._tally.add("tasks_sent_again", len(tasks))
        logger.warning("tasks.sent_again", extra={"count": len(tasks), "first": tasks[0].id})

    def _let_go_of_paused(self) -> None:
        """Let runs go on, or end them, that were resumed or cancelled before it was known that they had paused."""
        with self._store.reading() as conn:
            resumed, cancelled = runs.paused_in_error(conn)
        now = self._clock.now_ms()
        if resumed:
            control.resume(self._store, self._bus, resumed, now=now, actors=self._catalogue.actors)
        if cancelled:
            control.cancel(self._store, self._bus, cancelled, now=now, reason="cancelled")

    def _cancel_overdue(self) -> None:
        if self._clock.monotonic() < self._overdue_at:
            return
        self._overdue_at = self._clock.monotonic() + OVERDUE_SECONDS
        now = self._clock.now_ms()
        with self._store.reading() as conn:
            late = runs.overdue(conn, at=now)
        if late:
            control.cancel(self._store, self._bus, late, now=now, reason="it took longer than its timeout")

    def _pass_on_counts(self) -> None:
        counts = self._tally.take()
        if not counts:
            return
        try:
            self._bus.census.add(counts)
        except Exception:
            self._tally.give_back(counts)
            raise
