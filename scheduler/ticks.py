"""Due ticks: claimed from the timetable, decided, recorded in the store, and only then emitted.

One batch is one claim, one transaction and one emission. Every step is safe to repeat, and each finds out by itself
what the one before has done:

- a tick stays in the timetable until its emission, so whoever dies before that leaves it to be claimed again;
- the run of a tick is unique by its cause, and a trigger moves on in the store only from the due time that was
  decided, so deciding twice (even by two leaders at once) is deciding once;
- the emission carries the epoch, so a leader that is none any more emits nothing; what it has recorded is queued in the
  store, and the sweeper sends it.

Between two batches comes at most one page of what else there is to do: bringing ticks in line with definitions that
changed, and filling the timetable. Nothing here grows with the number of jobs.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bus.timetable import BATCH, Advance, Claimed, Tick, Window
from rota.errors import BusUnavailable, StaleEpoch
from rota.loop import Loop
from rota.states import RunState
from scheduler.admission.admitting import Admitted, admit_in, delays_of, stop_others
from scheduler.timing.deciding import Decided, decide_tick, in_batches
from scheduler.timing.retiming import Retiming, set_aside
from scheduler.timing.seeding import Seeding
from scheduler.timing.timekeeping import TOLERANCE_MS, Timekeeper, read
from scheduler.timing.timeline import Key
from store.batches import batches
from store.queries import revision
from store.queries import ticks as tick_rows

if TYPE_CHECKING:
    from bus.connection import Bus
    from rota.clock import Clock
    from scheduler.jobs.catalogue import Catalogue
    from scheduler.jobs.plans import Plan
    from scheduler.leader import Leader
    from scheduler.tally import Tally
    from store.engine import Connection, Store

logger = logging.getLogger(__name__)

FireWindows = Callable[[int, Sequence[Window], int], None]
"""Takes the epoch, the windows that are due, and the time in ms."""

#: Time between two looks whether a job changed or the timetable was lost.
LOOK_SECONDS = 1.0
#: Time between two looks at delayed messages while everything is paused: retries of what runs already go on.
PAUSED_SECONDS = 0.25


@dataclass(slots=True)
class _Known:
    """What the store said about the jobs of some ticks, and at which revision."""

    stamp: int
    plans: dict[str, Plan]
    dues: dict[Key, int | None]


@dataclass(slots=True)
class _Recorded:
    """What one transaction has written."""

    admitted: list[Admitted]
    moved: set[Key]


class Ticks:
    """The duty of the ticks; only the leader's does anything. Windows that are due are handed to `fire_windows`."""

    def __init__(
        self,
        store: Store,
        bus: Bus,
        catalogue: Catalogue,
        leader: Leader,
        *,
        clock: Clock,
        tally: Tally,
        fire_windows: FireWindows | None = None,
    ) -> None:
        self._store = store
        self._bus = bus
        self._catalogue = catalogue
        self._leader = leader
        self._clock = clock
        self._tally = tally
        self._fire_windows = fire_windows
        self._retiming = Retiming(store, bus, catalogue)
        self._seeding = Seeding(store, bus, clock=clock)
        #: Whose term all that follows belongs to; None when it has to be found out again.
        self._epoch: int | None = None
        self._time = Timekeeper(None)
        self._unsent: list[Admitted] = []
        self._look_at = 0.0
        self.loop = Loop("ticks", self.step, interval=LOOK_SECONDS)
        self._not_listening = threading.Event()
        self.bell = Loop("timetable-bell", self._listen, interval=LOOK_SECONDS)

    def on_leader(self, epoch: int | None) -> None:
        """Hear that the leadership changed."""
        if epoch is None:
            self._not_listening.set()
        else:
            self.bell.wake()
        self.loop.wake()

    def stop_listening(self) -> None:
        """Let the bell's loop end at its next return from Redis."""
        self._not_listening.set()

    def step(self) -> float:
        """Do one batch; return the seconds until something is due."""
        epoch = self._leader.leading()
        if epoch is None:
            self._epoch = None
            self._unsent.clear()
            return LOOK_SECONDS
        try:
            if epoch != self._epoch:
                self._begin(epoch)
            return self._pass(epoch)
        except StaleEpoch:
            self._leader.doubt()
            return LOOK_SECONDS
        except BusUnavailable:
            # Whoever comes back may have forgotten the last moments.
            self._start_over()
            raise

    def _listen(self) -> float:
        # A standby must not listen: it would take the token from the leader.
        if self._leader.leading() is None:
            return LOOK_SECONDS
        self._not_listening.clear()
        self._bus.timetable.listen(self._not_listening, self.loop.wake)
        return 0.0

    def now_ms(self) -> int:
        """Return the time as this leader trusts it, in ms; that of the own clock before the clocks were compared."""
        return self._time.now(self._clock.monotonic()) or self._clock.now_ms()

    # --- one pass --------------------------------------------------------------------------------------------

    def _begin(self, epoch: int) -> None:
        self._time = Timekeeper(self._bus.timetable.trusted())
        # Nothing is due yet: this only asks for the time.
        self._claim(epoch, 0)
        self._start_over()
        self._epoch = epoch

    def _start_over(self) -> None:
        self._retiming.start_over()
        self._seeding.start_over()
        self._look_at = 0.0

    def _pass(self, epoch: int) -> float:
        if self._unsent:
            self._emit(epoch, [], self._unsent)
            self._unsent = []
        paused = self._catalogue.current.paused is not None
        asked = self._clock.monotonic()
        until = self._time.now(asked) or 0
        claimed = self._claim(epoch, 0 if paused else until)
        now = self._time.now(asked) or 0
        if abs(until - now) <= TOLERANCE_MS:
            # Confirmed, but for what the answer took: to the millisecond the time at which they were claimed.
            now = until
        self._look(now)
        if claimed.windows and self._fire_windows is not None:
            self._fire_windows(epoch, claimed.windows, now)
        starts = self._decide(epoch, claimed.ticks, now)
        self._go_on(now)
        if starts is None or self._retiming.behind or self._seeding.fast:
            return 0.0
        return PAUSED_SECONDS if paused else self._rest(claimed, starts, now, asked)

    def _claim(self, epoch: int, until: int) -> Claimed:
        """Claim what is due until a time, and compare the clocks with the server's."""
        asked = self._clock.monotonic()
        claimed = self._bus.timetable.claim(epoch, until, BATCH)
        before = self._time.doubted
        self._time.look(read(self._clock, server=claimed.server_now, asked=asked))
        if self._time.doubted != before:
            logger.warning("clocks.compared", extra={"wrong": ", ".join(self._time.doubted) or "none"})
        return claimed

    def _look(self, now: int) -> None:
        at = self._clock.monotonic()
        if at < self._look_at:
            return
        self._look_at = at + LOOK_SECONDS
        self._bus.timetable.note_trusted(now)
        self._retiming.look()
        self._seeding.look()

    def _go_on(self, now: int) -> None:
        """Do a page of what else there is to do; what was lost comes before what is new."""
        self._seeding.go_on()
        if self._retiming.behind and not self._seeding.fast:
            self._retiming.go_on(now)

    def _rest(self, claimed: Claimed, starts: Sequence[int], now: int, asked: float) -> float:
        if claimed.next_due is not None:
            starts = [*starts, claimed.next_due]
        passed = self._clock.monotonic() - asked
        return min(max((min(starts, default=now + 60_000) - now) / 1000 - passed, 0.0), LOOK_SECONDS)

    # --- deciding --------------------------------------------------------------------------------------------

    def _decide(self, epoch: int, ticks: Sequence[Tick], now: int) -> list[int] | None:
        """Decide these ticks and return when they start next; None when they have to be claimed again first."""
        starts: list[int] = []
        if not ticks:
            return starts
        known = self._read(ticks, now)
        if self._catalogue.current.paused is not None:
            return None
        decided = (
            decide_tick(tick, known.plans.get(tick.job), known.dues.get((tick.job, tick.trigger)), now)
            for tick in ticks
        )
        for batch in in_batches(decided, BATCH):
            if self._leader.leading() != epoch or not self._carry_out(epoch, batch, known, now):
                return None
            starts += [one.next_start for one in batch if one.next_start is not None]
        return starts

    def _read(self, ticks: Sequence[Tick], now: int) -> _Known:
        names = list(dict.fromkeys(tick.job for tick in ticks))
        known = self._known(names)
        if not self._retiming.follows(known.stamp):
            self._retiming.bring_first(names, now)
            known = self._known(names)
        return known

    def _known(self, names: Sequence[str]) -> _Known:
        with self._store.reading() as conn:
            self._catalogue.refresh(conn)
            stamp = revision.read(conn).value
            return _Known(stamp, self._catalogue.plans(conn, names), tick_rows.dues(conn, names))

    # --- carrying out ----------------------------------------------------------------------------------------

    def _carry_out(self, epoch: int, batch: Sequence[Decided], known: _Known, now: int) -> bool:
        """Record and emit a batch; False if a job of it changed meanwhile, and nothing was done."""
        recorded = self._store.write(lambda conn: self._record(conn, batch, known, now))
        if recorded is None:
            self._look_at = 0.0
            return False
        # What did not move was decided by somebody else: it stays, and is read anew when it is claimed again.
        advances = [
            Advance(tick=one.tick, next_due=one.next_start)
            for one in batch
            if one.row is None or (one.tick.job, one.tick.trigger) in recorded.moved
        ]
        self._count(recorded.admitted)
        self._emit(epoch, advances, recorded.admitted)
        return True

    def _record(self, conn: Connection, batch: Sequence[Decided], known: _Known, now: int) -> _Recorded | None:
        if revision.read(conn).value != known.stamp and self._changed(conn, batch, known):
            return None
        requests = [request for one in batch for request in one.requests]
        admitted = admit_in(conn, requests, now=now, plans=known.plans)
        moved = tick_rows.advance(conn, [one.row for one in batch if one.row is not None])
        set_aside(conn, {one.tick.job: one.failure for one in batch if one.failure is not None}, now)
        return _Recorded(admitted, moved)

    def _changed(self, conn: Connection, batch: Sequence[Decided], known: _Known) -> bool:
        """Look whether a job of the batch is another one than it was decided by, or everything was paused."""
        self._catalogue.refresh(conn)
        if self._catalogue.current.paused is not None:
            return True
        names = list({one.tick.job for one in batch})
        plans = self._catalogue.plans(conn, names)
        return any(_state(plans.get(name)) != _state(known.plans.get(name)) for name in names)

    def _emit(self, epoch: int, advances: Sequence[Advance], admitted: Sequence[Admitted]) -> None:
        # The ticks move on with the last of the messages: until then they would be claimed again.
        *first, last = list(batches(message for one in admitted for message in one.messages)) or [[]]
        delays = delays_of(admitted)
        try:
            stop_others(self._bus, admitted)
            for some in first:
                self._bus.timetable.emit(epoch, (), some, delays=delays)
            self._bus.timetable.emit(epoch, advances, last, delays=delays)
        except BusUnavailable:
            # Whether it was done is not known. Sending again is harmless, and ticks that stayed are claimed again.
            self._unsent = list(admitted)
            raise

    def _count(self, admitted: Sequence[Admitted]) -> None:
        repeated = sum(one.repeated for one in admitted)
        skipped = sum(one.state is RunState.SKIPPED for one in admitted if not one.repeated)
        self._tally.add("ticks_repeated", repeated)
        self._tally.add("ticks_skipped", skipped)
        self._tally.add("ticks_run", len(admitted) - repeated - skipped)


def _state(plan: Plan | None) -> tuple[int, bool, int] | None:
    return None if plan is None else (plan.version, plan.enabled, plan.enabled_at)
