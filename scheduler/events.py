"""Published events: read, matched, admitted and done with, in this order.

An entry stays in the stream until its runs are in the store and their messages are sent. A repeated delivery (its
scheduler died in between, or the publisher sent it twice) finds its source and id recorded and starts nothing anew.
While everything is paused nothing is read: the stream keeps what comes, and the lag shows.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from bus.timetable import Window
from rota.errors import StaleEpoch
from rota.events import Event, InvalidEvent, encode_fields
from rota.loop import Loop
from rota.runs import MAX_MESSAGE_BYTES, cut_middle, plain_text
from scheduler.admission.emission import emit_admitted
from scheduler.halving import each_alone
from scheduler.listening.hearing import Heard, Matches, hear, match_all

if TYPE_CHECKING:
    from bus.connection import Bus
    from rota.clock import Clock
    from scheduler.jobs.catalogue import Catalogue, Snapshot
    from scheduler.leader import Leader
    from scheduler.listening.windows import Windows
    from scheduler.tally import Tally
    from store.engine import Connection, Store

logger = logging.getLogger(__name__)

BATCH = 500
#: Pairs of an event and a trigger that may hear it, in one transaction: bounds its time and its memory.
MOST_PAIRS = 2000
#: How long one read waits for an event; a stop waits as long.
BLOCK_MS = 1000
#: Time between two looks whether the definitions were read, and how long events wait for that at the most.
BEGIN_SECONDS = 0.05
PATIENCE_SECONDS = 10.0
#: Time between two looks whether a pause is over.
PAUSE_SECONDS = 1.0
#: Time between two looks at entries that somebody read and never finished: a frozen leader, or ourselves.
REWIND_SECONDS = 5.0

Entry = tuple[str, Event]


class Events:
    """The duty of the events; only the leader's does anything.

    `definitions_read` says whether they were read under an epoch, `now_ms` what time it is, if not the clock's.
    """

    def __init__(
        self,
        store: Store,
        bus: Bus,
        catalogue: Catalogue,
        leader: Leader,
        *,
        windows: Windows,
        definitions_read: Callable[[int], bool] | None = None,
        now_ms: Callable[[], int] | None = None,
        clock: Clock,
        tally: Tally,
    ) -> None:
        self._store = store
        self._bus = bus
        self._catalogue = catalogue
        self._leader = leader
        self._windows = windows
        self._definitions_read = definitions_read
        self._clock = clock
        self._now_ms = now_ms or clock.now_ms
        self._tally = tally
        self._epoch: int | None = None
        self._led_since: tuple[int, float] | None = None
        self._rewind_at = 0.0
        self._full: list[str] = []
        self.loop = Loop("events", self.step, interval=1.0)

    def step(self) -> float:
        """Read one batch and start what it starts; waits for it as long as `BLOCK_MS`."""
        epoch = self._leader.leading()
        if epoch is None:
            return 1.0
        if not self._may_begin(epoch):
            return BEGIN_SECONDS
        with self._store.reading() as conn:
            self._catalogue.refresh(conn)
        if self._catalogue.current.paused is not None:
            return PAUSE_SECONDS
        try:
            self._windows.look(self._now_ms())
            return self._pass(epoch)
        except StaleEpoch:
            self._leader.doubt()
        except Exception:
            self._epoch = None
            raise
        return 0.0

    def _may_begin(self, epoch: int) -> bool:
        """Say whether the definitions were read: what comes at a start shall find the jobs that listen for it."""
        if self._definitions_read is None or self._epoch == epoch:
            return True
        if self._led_since is None or self._led_since[0] != epoch:
            self._led_since = (epoch, self._clock.monotonic())
        patient = self._clock.monotonic() < self._led_since[1] + PATIENCE_SECONDS
        return self._definitions_read(epoch) or not patient

    def _pass(self, epoch: int) -> float:
        if epoch != self._epoch or self._clock.monotonic() >= self._rewind_at:
            self._bus.events.rewind()
            self._epoch = epoch
            self._rewind_at = self._clock.monotonic() + REWIND_SECONDS
        entries = self._bus.events.read(BATCH, block_ms=BLOCK_MS)
        if entries and self._leader.leading() == epoch:
            self.take(epoch, entries)
        # What was read and not taken is not lost: the new leader looks at all that is unfinished.
        return 0.0

    def take(self, epoch: int, entries: Sequence[tuple[str, Event | InvalidEvent, dict[str, str]]]) -> None:
        """Start the jobs that listen for these events, and drop the entries."""
        good = [(entry, event) for entry, event, _ in entries if isinstance(event, Event)]
        bad = [(entry, fields, str(event)) for entry, event, fields in entries if isinstance(event, InvalidEvent)]
        for some in self._pieces(good):
            each_alone(
                some,
                lambda those: self._start(epoch, those),
                lambda one, error: bad.append((one[0], encode_fields(one[1]), str(error))),
            )
        for entry, fields, said in bad:
            reason = cut_middle(plain_text(said), MAX_MESSAGE_BYTES)
            logger.warning("event.set_aside", extra={"entry": entry, "reason": reason})
            self._bus.events.set_aside(entry, fields, reason)
            self._tally.add("events_refused")
        self._fire_full(epoch)

    def _pieces(self, entries: Sequence[Entry]) -> Iterator[list[Entry]]:
        piece: list[Entry] = []
        pairs = 0
        for entry in entries:
            listening = len(self._catalogue.current.subscribers(entry[1].type))
            if piece and pairs + listening > MOST_PAIRS:
                yield piece
                piece, pairs = [], 0
            piece.append(entry)
            pairs += listening
        if piece:
            yield piece

    def _start(self, epoch: int, entries: Sequence[Entry]) -> None:
        events = [event for _, event in entries]
        before = self._catalogue.current
        matches = match_all(events, before)
        heard = self._store.write(lambda conn: self._hear(conn, events, before, matches))
        if heard is None:
            # Paused in this moment: the entries are read again when it is over.
            self._epoch = None
            return
        self._full += heard.full
        self._count(len(events), heard)
        emit_admitted(self._bus, epoch, heard.admitted)
        if heard.opened:
            self._bus.timetable.put_windows(heard.opened)
        self._bus.events.done([entry for entry, _ in entries])

    def _hear(self, conn: Connection, events: Sequence[Event], before: Snapshot, matches: Matches) -> Heard | None:
        self._catalogue.refresh(conn)
        snapshot = self._catalogue.current
        if snapshot.paused is not None:
            return None
        # A definition that changed meanwhile has its say: they are matched once more.
        return hear(conn, events, snapshot, self._now_ms(), matches=matches if snapshot is before else None)

    def _fire_full(self, epoch: int) -> None:
        """Fire what need not wait to be due; what this misses is due in the store, and found by a look."""
        full, self._full = self._full, []
        now = self._now_ms()
        self._windows.fire(epoch, [Window(id=window, due=now) for window in full], now)

    def _count(self, read: int, heard: Heard) -> None:
        self._tally.add("events_repeated", read - heard.new)
        self._tally.add("events_matched", heard.matched)
        self._tally.add("events_ignored", heard.new - heard.matched)
