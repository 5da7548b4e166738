"""Due ticks: claimed from the timetable, decided, recorded in the store, and only then emitted.

One batch is one claim, one transaction and one emission. Every step is safe to repeat, and each finds out by itself
what the one before has done:

- a tick stays in the timetable until its emission, so whoever dies before that leaves it to be claimed again;
- the run of a tick is unique by its cause, and a trigger moves on in the store only from the due time that was
  decided, so deciding twice (even by two leaders at once) is deciding once;
- the emission carries the epoch, so a leader that is none any more emits nothing; what it has recorded is queued in the
  store, and the sweeper sends it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bus.timetable import BATCH, Advance, Claimed, Tick
from rota.errors import BusUnavailable, StaleEpoch
from rota.loop import Loop
from rota.messages import TaskMessage
from rota.runs import Cause
from rota.states import RunState
from scheduler.admission import Admitted, admit_in
from scheduler.catalogue import Snapshot
from scheduler.catch_up import decide
from scheduler.drafts import Request
from scheduler.timeline import Changes, Key, changes
from store.batches import batches
from store.queries import jobs
from store.queries import ticks as tick_rows
from store.records import Advance as RowAdvance

if TYPE_CHECKING:
    from bus.connection import Bus
    from rota.clock import Clock
    from scheduler.catalogue import Catalogue
    from scheduler.leader import Leader
    from scheduler.tally import Tally
    from store.engine import Connection, Store

logger = logging.getLogger(__name__)

#: Time between two looks whether a job changed or the timetable was lost.
LOOK_SECONDS = 1.0
#: Time between two comparisons of the whole timetable with the store; heals whatever Redis forgot of it.
RESEED_SECONDS = 60.0


@dataclass(slots=True)
class _Decided:
    """What was decided for one claimed tick; a trigger that is gone has no row to move."""

    tick: Tick
    requests: list[Request] = field(default_factory=list)
    row: RowAdvance | None = None
    next_start: int | None = None
    failure: str | None = None


@dataclass(slots=True)
class _Recorded:
    """What one transaction has written."""

    admitted: list[Admitted]
    moved: set[Key]


class Ticks:
    """The duty of the ticks; only the leader's does anything."""

    def __init__(
        self, store: Store, bus: Bus, catalogue: Catalogue, leader: Leader, *, clock: Clock, tally: Tally
    ) -> None:
        self._store = store
        self._bus = bus
        self._catalogue = catalogue
        self._leader = leader
        self._clock = clock
        self._tally = tally
        #: Under which epoch the timetable was compared with the store; None when it has to be done again.
        self._epoch: int | None = None
        self._snapshot = Snapshot()
        #: The due time of each trigger as the store has it.
        self._dues: dict[Key, int] = {}
        self._unsent: list[TaskMessage] = []
        self._look_at = 0.0
        self._reseed_at = 0.0
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
            return self._pass(epoch)
        except StaleEpoch:
            self._leader.doubt()
            return LOOK_SECONDS

    def _listen(self) -> float:
        # A standby must not listen: it would take the token from the leader.
        if self._leader.leading() is None:
            return LOOK_SECONDS
        self._not_listening.clear()
        self._bus.timetable.listen(self._not_listening, self.loop.wake)
        return 0.0

    def _pass(self, epoch: int) -> float:
        if self._unsent:
            self._emit(epoch, [], self._unsent)
            self._unsent = []
        claimed = self._bus.timetable.claim(epoch, BATCH)
        claimed_at = self._clock.monotonic()
        self._look(epoch, claimed.now)
        starts = []
        for batch in _batches(self._decide(tick, claimed.now) for tick in claimed.ticks):
            if self._leader.leading() != epoch:
                return 0.0
            if not self._carry_out(epoch, batch):
                return 0.0
            starts += [one.next_start for one in batch if one.next_start is not None]
        return self._pause(claimed, claimed_at, starts)

    def _pause(self, claimed: Claimed, claimed_at: float, starts: Sequence[int]) -> float:
        if claimed.next_due is not None:
            starts = [*starts, claimed.next_due]
        until = min(starts, default=claimed.now + 60_000)
        passed = self._clock.monotonic() - claimed_at
        return min(max((until - claimed.now) / 1000 - passed, 0.0), LOOK_SECONDS)

    # --- following the definitions ---------------------------------------------------------------------------

    def _look(self, epoch: int, now: int) -> None:
        at = self._clock.monotonic()
        if epoch == self._epoch and at < self._look_at:
            return
        whole = epoch != self._epoch or at >= self._reseed_at or not self._bus.timetable.seeded()
        with self._store.reading() as conn:
            self._catalogue.refresh(conn)
        if whole or self._catalogue.current is not self._snapshot:
            self._follow(self._catalogue.current, now, whole=whole)
        self._epoch = epoch
        self._look_at = at + LOOK_SECONDS

    def _follow(self, snapshot: Snapshot, now: int, *, whole: bool) -> None:
        """Bring ticks in store and timetable in line with the jobs; `whole` writes every entry of the timetable."""

        def change(conn: Connection) -> tuple[Changes, dict[Key, int]]:
            rows = tick_rows.load_all(conn)
            found = changes(snapshot.plans, rows, now, unreadable=snapshot.broken)
            tick_rows.set_due(conn, found.rows)
            tick_rows.drop(conn, found.gone)
            self._set_aside(conn, found.failed)
            dues = {(row.job, row.trigger): row.due for row in (*rows, *found.rows)}
            return found, {key: due for key in found.entries if (due := dues[key]) is not None}

        found, dues = self._store.write(change)
        moved = set(found.moved)
        entries = [entry for key, entry in found.entries.items() if whole or key in moved or key not in self._dues]
        self._bus.timetable.drop_ticks(Tick(job=job, trigger=trigger, due=0) for job, trigger in found.idle)
        self._bus.timetable.put_ticks(entries)
        self._dues, self._snapshot = dues, snapshot
        if whole:
            self._bus.timetable.mark_seeded()
            self._reseed_at = self._clock.monotonic() + RESEED_SECONDS

    def _set_aside(self, conn: Connection, failed: Mapping[str, str]) -> None:
        for job, failure in failed.items():
            reason = f"its schedule cannot be computed: {failure}"
            jobs.set_enabled(conn, [job], False, at=self._clock.now_ms(), reason=reason)
            logger.error("schedule.set_aside", extra={"job": job, "reason": reason})

    # --- deciding --------------------------------------------------------------------------------------------

    def _decide(self, tick: Tick, now: int) -> _Decided:
        plan = self._snapshot.plans.get(tick.job)
        schedule = None if plan is None else plan.schedules.get(tick.trigger)
        if plan is None or schedule is None:
            return _Decided(tick)
        due = self._dues.get((tick.job, tick.trigger), tick.due)
        start = schedule.start_of(due)
        if start > now:
            # Decided before, and its emission was lost.
            return _Decided(tick, next_start=start)
        decided = _Decided(tick)
        try:
            decision = decide(
                due, now, schedule.following, plan.job.catch_up, start=start, jitter_ms=schedule.jitter_ms
            )
            next_due = decision.next_due if plan.enabled else None
            decided.next_start = None if next_due is None else schedule.start_of(next_due)
        except Exception as error:  # whatever a schedule raises concerns its own job only
            decided.failure = f"{type(error).__name__}: {error}"
            return decided
        decided.row = RowAdvance(job=tick.job, trigger=tick.trigger, old_due=due, new_due=next_due)
        decided.requests = [
            Request(job=tick.job, cause=Cause.of_tick(tick.trigger, skip.due), skip=skip.reason)
            for skip in decision.skips
        ]
        decided.requests += [Request(job=tick.job, cause=Cause.of_tick(tick.trigger, due)) for due in decision.runs]
        return decided

    # --- carrying out ----------------------------------------------------------------------------------------

    def _carry_out(self, epoch: int, batch: Sequence[_Decided]) -> bool:
        """Record and emit a batch; False if a job changed meanwhile, and nothing was done."""
        recorded = self._store.write(lambda conn: self._record(conn, batch))
        if recorded is None:
            self._look_at = 0.0
            return False
        advances = []
        for one in batch:
            key = (one.tick.job, one.tick.trigger)
            if one.row is not None and key not in recorded.moved:
                # The store knows better than we do: read it again before anything is decided about it.
                self._epoch = None
                continue
            if one.row is not None:
                self._remember(key, one.row.new_due)
            advances.append(Advance(tick=one.tick, next_due=one.next_start))
        messages = [message for one in recorded.admitted for message in one.messages]
        self._count(recorded.admitted)
        self._emit(epoch, advances, messages)
        return True

    def _record(self, conn: Connection, batch: Sequence[_Decided]) -> _Recorded | None:
        self._catalogue.refresh(conn)
        if self._catalogue.current is not self._snapshot:
            return None
        requests = [request for one in batch for request in one.requests]
        admitted = admit_in(conn, requests, now=self._clock.now_ms(), plans=self._snapshot.plans)
        moved = tick_rows.advance(conn, [one.row for one in batch if one.row is not None])
        self._set_aside(conn, {one.tick.job: one.failure for one in batch if one.failure is not None})
        return _Recorded(admitted, moved)

    def _remember(self, key: Key, due: int | None) -> None:
        if due is None:
            self._dues.pop(key, None)
        else:
            self._dues[key] = due

    def _emit(self, epoch: int, advances: Sequence[Advance], messages: Sequence[TaskMessage]) -> None:
        # The ticks move on with the last of the messages: until then they would be claimed again.
        *first, last = list(batches(messages)) or [[]]
        try:
            for some in first:
                self._bus.timetable.emit(epoch, (), some)
            self._bus.timetable.emit(epoch, advances, last)
        except BusUnavailable:
            # Whether it was done is not known. Sending again is harmless, and ticks that stayed are claimed again.
            self._unsent = list(messages)
            raise

    def _count(self, admitted: Sequence[Admitted]) -> None:
        repeated = sum(one.repeated for one in admitted)
        skipped = sum(one.state is RunState.SKIPPED for one in admitted if not one.repeated)
        self._tally.add("ticks_repeated", repeated)
        self._tally.add("ticks_skipped", skipped)
        self._tally.add("ticks_run", len(admitted) - repeated - skipped)


def _batches(decided: Iterable[_Decided]) -> Iterator[list[_Decided]]:
    """Give what was decided in pieces of at most about 500 runs: after an outage one tick may make a hundred."""
    batch: list[_Decided] = []
    size = 0
    for one in decided:
        if batch and size + len(one.requests) > BATCH:
            yield batch
            batch, size = [], 0
        batch.append(one)
        size += len(one.requests)
    if batch:
        yield batch
