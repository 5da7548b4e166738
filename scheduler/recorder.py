"""What workers report: read from the outcomes stream, written to the store in batches, and only then dropped there.

An entry that was recorded and not yet dropped is read again, by this recorder or by the next one, and changes nothing.
While the database is away the stream holds the reports; nothing is dropped before it is recorded. Only two things are:
an entry that cannot be decoded, and one that the store refuses alone as well; both are counted and logged.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from rota.errors import BusUnavailable
from rota.loop import Loop
from rota.messages import Outcome, TaskMessage
from rota.states import TERMINAL, RunState
from scheduler.admission.promotion import record_and_promote
from scheduler.announcing import Announcer, repeated_ends
from scheduler.halving import each_alone
from scheduler.runs.endings import Recorded
from store.queries.announcements import leave_ends

if TYPE_CHECKING:
    from bus.connection import Bus
    from rota.clock import Clock
    from rota.events import Event
    from scheduler.jobs.catalogue import Catalogue
    from scheduler.leader import Leader
    from scheduler.tally import Tally
    from store.engine import Connection, Store

logger = logging.getLogger(__name__)

BATCH = 500
#: How long one read waits for a report; a stop waits as long.
BLOCK_MS = 1000
#: Time between two looks at entries that somebody read and never finished: a frozen leader, or ourselves.
REWIND_SECONDS = 5.0
#: A task in one of these states has no message in the bus any more, only the mark that it ended.
LEFT_THE_BUS = TERMINAL | {RunState.PAUSED}

Entry = tuple[str, Outcome]


class Recorder:
    """The duty of the outcomes; only the leader's does anything.

    `recording` is held from the writing of a batch until its entries are dropped: whoever else holds it sees each task
    either unfinished in the store and known to the bus, or finished in the store.
    """

    def __init__(
        self,
        store: Store,
        bus: Bus,
        catalogue: Catalogue,
        leader: Leader,
        *,
        announcer: Announcer,
        clock: Clock,
        tally: Tally,
    ) -> None:
        self._store = store
        self._bus = bus
        self._catalogue = catalogue
        self._leader = leader
        self._announcer = announcer
        self._clock = clock
        self._tally = tally
        self._epoch: int | None = None
        self._rewind_at = 0.0
        self._unsent: list[TaskMessage] = []
        #: How long (ms) some of them have to wait first, by task.
        self._delays: dict[str, int] = {}
        self.recording = threading.Lock()
        self.loop = Loop("recorder", self.step, interval=1.0)

    def step(self) -> float:
        """Record one batch; waits for it as long as `BLOCK_MS`."""
        epoch = self._leader.leading()
        if epoch is None:
            # The new leader finds in the store what is left to send.
            self._unsent, self._delays = [], {}
            return 1.0
        self._pass_on()
        if epoch != self._epoch or self._clock.monotonic() >= self._rewind_at:
            self._bus.outcomes.rewind()
            self._epoch = epoch
            self._rewind_at = self._clock.monotonic() + REWIND_SECONDS
        entries = self._bus.outcomes.read(BATCH, block_ms=BLOCK_MS)
        if entries and self._leader.leading() == epoch:
            try:
                self.take(entries)
            except Exception:
                self._epoch = None
                raise
        return 0.0

    def take(self, entries: Sequence[tuple[str, Outcome | None]]) -> None:
        """Record these entries and drop them."""
        good = [(entry, outcome) for entry, outcome in entries if outcome is not None]
        bad = [(entry, "it cannot be decoded") for entry, outcome in entries if outcome is None]
        refused: list[Entry] = []

        def refuse(one: Entry, error: Exception) -> None:
            refused.append(one)
            bad.append((one[0], str(error)))

        each_alone(good, self._take, refuse)
        if bad:
            for entry, reason in bad:
                logger.error("outcome.dropped", extra={"entry": entry, "reason": reason})
            self._tally.add("outcomes_dropped", len(bad))
            # Their tasks are open in the store: without their marks the sweeper sends them again.
            self._bus.outcomes.done([entry for entry, _ in bad], paused=_settled(refused, LEFT_THE_BUS))

    def _take(self, entries: Sequence[Entry]) -> None:
        with self.recording:
            recorded, events = self._store.write(lambda conn: self._record(conn, entries))
            self._unsent += recorded.messages
            self._delays |= recorded.delays
            self._announcer.publish(events)
            self._pass_on()
            ended, paused = _settled(entries, TERMINAL), _settled(entries, {RunState.PAUSED})
            self._bus.outcomes.done([entry for entry, _ in entries], ended, paused)
        self._tally.add("outcomes_refused", recorded.applied.refused)
        if recorded.applied.unknown:
            logger.warning("outcome.of_unknown_task", extra={"count": recorded.applied.unknown})

    def _record(self, conn: Connection, entries: Sequence[Entry]) -> tuple[Recorded, list[Event]]:
        now = self._clock.now_ms()
        outcomes = [outcome for _, outcome in entries]
        recorded = record_and_promote(conn, outcomes, catalogue=self._catalogue, now=now)
        reported = {outcome.run for outcome in outcomes}
        closed = [one for one in recorded.closed if one.run in reported]
        # No report would bring the others back, if this scheduler died before it has told.
        leave_ends(conn, [one.run for one in recorded.closed if one.run not in reported])
        if recorded.applied.repeated:
            closed += repeated_ends(conn, outcomes, closed)
        return recorded, self._announcer.ends(conn, closed)

    def _pass_on(self) -> None:
        """Send next steps; what Redis did not take is kept for the next pass."""
        try:
            if self._unsent:
                self._bus.sender.send(self._unsent, delays=self._delays)
                self._unsent, self._delays = [], {}
        except BusUnavailable:
            # Safe to repeat: a message is known by its task.
            self._epoch = None
            raise


def _settled(entries: Sequence[Entry], states: Collection[RunState]) -> list[tuple[str, int]]:
    """Return the marks that the bus kept of tasks that came to one of these states, refused ones alike."""
    return [
        (outcome.task, outcome.fence)
        for _, outcome in entries
        if outcome.kind == "finished" and outcome.state in states
    ]
