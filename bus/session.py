"""What one worker process holds of the bus: its leases, its heartbeat and its settler."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bus.heartbeat import Heartbeat
from bus.lease import Action, Lease, Verdict, appetite
from bus.messages import body_of, header_of
from bus.settler import Item, Settler

if TYPE_CHECKING:
    from collections.abc import Callable

    from bus.connection import Bus

#: Weight of the newest duration in the running mean of a queue.
NEWEST = 0.1


@dataclass(slots=True)
class _Held:
    lease: Lease
    taken: float
    started: float | None = None
    verdict: Verdict | None = None
    #: Redis said that it is gone.
    lost: bool = False
    #: A plain Dramatiq retry that was enqueued while its message is held: header, body, delay in ms.
    again: tuple[str, bytes, int] | None = None


@dataclass(slots=True)
class Listeners:
    """Who is told what: `lost` and `refused` get a message id, `asked` a kind (cancel, pause) and an id."""

    lost: list[Callable[[str], None]] = field(default_factory=list)
    refused: list[Callable[[str], None]] = field(default_factory=list)
    asked: list[Callable[[str, str], None]] = field(default_factory=list)
    about: list[Callable[[], dict[str, Any]]] = field(default_factory=list)


class Session:
    """Leases, reports and settles for one worker process; made at its boot, closed at its shutdown."""

    def __init__(self, bus: Bus, worker_id: str, threads: int, listeners: Listeners) -> None:
        self.worker_id = worker_id
        self.threads = threads
        self.listeners = listeners
        self._bus = bus
        self._held: dict[str, _Held] = {}
        self._mean_ms: dict[str, float] = {}
        self._reserved = 0
        self._room = threading.Condition()
        self.fetching = True
        self._settler = Settler(bus.scripts, worker_id, self._on_refused)
        self._heartbeat = Heartbeat(
            bus.scripts,
            worker_id,
            bus.lease_ms,
            bus.heartbeat_ms,
            holdings=self._holdings,
            about=self._about,
            lost=self._on_lost,
            asked=self._on_asked,
            reap=bus.reaper.reap,
        )
        self._control = bus.control.listen(self._on_asked)

    def start(self) -> None:
        """Start heartbeat and settler."""
        self._heartbeat.start()
        self._settler.start()

    def stop_fetching(self) -> None:
        """Take no more messages; what is held is still worked on."""
        self.fetching = False
        with self._room:
            self._room.notify_all()

    def close(self, timeout: float = 5.0) -> None:
        """Settle what is done and stop; leases that are left run out or are released by the supervisor."""
        self._control.close()
        self._settler.stop(timeout)
        self._heartbeat.stop()

    # --- taking ----------------------------------------------------------------------------------------------

    def reserve(self, queue: str, wait: float) -> int:
        """Return how many messages may be fetched for a queue, waiting up to `wait` seconds for room."""
        with self._room:
            room = self._room_for(queue)
            if room == 0 and self.fetching:
                self._room.wait(wait)
                room = self._room_for(queue)
            self._reserved += room
            return room

    def _room_for(self, queue: str) -> int:
        if not self.fetching:
            return 0
        held = len(self._held) + self._reserved
        return appetite(threads=self.threads, held=held, mean_ms=self._mean_ms.get(queue))

    def fetch(self, queue: str, wanted: int) -> list[tuple[Lease, bytes]]:
        """Lease up to `wanted` reserved messages. Raises BusUnavailable."""
        # Read before the request leaves: a slow answer must not make a lease look younger than it is.
        now = time.monotonic()
        try:
            answer = self._bus.scripts.run("fetch", [queue, self.worker_id, wanted, self._bus.lease_ms])
            taken = []
            for at in range(0, len(answer), 5):
                lease = Lease(
                    id=answer[at].decode(),
                    queue=queue,
                    fence=int(answer[at + 1]),
                    crashes=int(answer[at + 2]),
                    checkpoint=answer[at + 3],
                )
                self._held[lease.id] = _Held(lease, now)
                taken.append((lease, answer[at + 4]))
            return taken
        finally:
            with self._room:
                self._reserved -= wanted

    # --- holding ---------------------------------------------------------------------------------------------

    # A message whose lease was lost may be fetched again by the same process while its old body still runs. Whoever
    # acts for a body therefore names the fence it was given: the old one must not speak for the new one.

    def _find(self, message_id: str, fence: int | None) -> _Held | None:
        held = self._held.get(message_id)
        if held is None or (fence is not None and held.lease.fence != fence):
            return None
        return held

    def holds(self, message_id: str, fence: int | None = None) -> bool:
        """Return whether the lease is held and was confirmed within its time, by this process's own clock."""
        held = self._find(message_id, fence)
        if held is None or held.lost:
            return False
        confirmed = max(self._heartbeat.confirmed, held.taken)
        return time.monotonic() - confirmed < self._bus.lease_ms / 1000

    def confirm(self, message_id: str, fence: int | None = None) -> bool:
        """Ask Redis whether the lease still stands; an effect that must happen once asks right before it."""
        held = self._find(message_id, fence)
        return held is not None and bool(self._bus.scripts.run("confirm", [message_id, held.lease.fence]))

    def started(self, message_id: str, outcome: bytes, fence: int | None = None) -> None:
        """Note that the body starts; a suspect is marked in Redis before it may do harm.

        Its duration counts from the first call; a second one with an outcome only passes that on.
        """
        held = self._find(message_id, fence)
        if held is None:
            return
        if held.started is None:
            held.started = time.monotonic()
        suspect = held.lease.crashes > 0
        if outcome or suspect:
            self._settler.put(Item(message_id, held.lease.fence, "report", outcome, "started"), urgent=suspect)
        if suspect:
            self._settler.flush(timeout=self._bus.lease_ms / 1000)

    @property
    def crowded(self) -> bool:
        """Whether so much waits to be settled that mere reports should wait for each other."""
        return self._settler.crowded

    def report(
        self, message_id: str, outcome: bytes, *, checkpoint: bytes | None = None, fence: int | None = None
    ) -> None:
        """Pass an outcome on, with the next batch; a checkpoint is kept for whoever continues the task."""
        held = self._find(message_id, fence)
        if held is None:
            self._on_refused(message_id)
            return
        mark, body = ("", b"") if checkpoint is None else ("checkpoint", checkpoint)
        self._settler.put(Item(message_id, held.lease.fence, "report", outcome, mark, body))

    def decide(self, message_id: str, verdict: Verdict, fence: int | None = None) -> None:
        """Lay down what the coming acknowledgement does."""
        held = self._find(message_id, fence)
        if held is not None:
            held.verdict = verdict

    def defer(self, message_id: str, header: str, body: bytes, delay_ms: int) -> bool:
        """Turn the coming acknowledgement of a held message into a retry; False when it is not held."""
        held = self._held.get(message_id)
        if held is None:
            return False
        held.again = (header, body, delay_ms)
        return True

    # --- settling --------------------------------------------------------------------------------------------

    def settle(self, message_id: str, fallback: Verdict, fence: int | None = None) -> None:
        """Settle a message as was decided, else by `fallback`."""
        held = self._find(message_id, fence)
        if held is None or self._held.pop(message_id, None) is None:
            self._on_refused(message_id)
            return
        self._learn(held)
        self._settler.put(_item(held, held.verdict or fallback))
        with self._room:
            self._room.notify()

    def _learn(self, held: _Held) -> None:
        if held.started is None:
            return
        took = (time.monotonic() - held.started) * 1000
        mean = self._mean_ms.get(held.lease.queue)
        self._mean_ms[held.lease.queue] = took if mean is None else mean + NEWEST * (took - mean)

    def flush(self, timeout: float) -> bool:
        """Wait until everything settled so far has reached Redis."""
        return self._settler.flush(timeout)

    # --- hearing ---------------------------------------------------------------------------------------------

    def _holdings(self) -> list[tuple[str, int]]:
        # A copy in one step: worker threads change the dictionary meanwhile.
        return [(name, held.lease.fence) for name, held in self._held.copy().items()]

    def _about(self) -> dict[str, Any]:
        about: dict[str, Any] = {"threads": self.threads, "held": len(self._held)}
        for say in self.listeners.about:
            about.update(say())
        return about

    def _on_lost(self, message_id: str) -> None:
        held = self._held.get(message_id)
        if held is None:
            return
        held.lost = True
        for listener in self.listeners.lost:
            listener(message_id)

    def _on_refused(self, message_id: str) -> None:
        for listener in self.listeners.refused:
            listener(message_id)

    def _on_asked(self, kind: str, message_id: str) -> None:
        if kind == "lost":
            self._on_lost(message_id)
        elif message_id in self._held:
            for listener in self.listeners.asked:
                listener(kind, message_id)


def _item(held: _Held, verdict: Verdict) -> Item:
    lease = held.lease
    if held.again is not None:
        header, body, delay = held.again
        return Item(lease.id, lease.fence, Action.AGAIN, verdict.outcome, header, body, delay)
    if verdict.again is not None:
        return Item(
            lease.id,
            lease.fence,
            Action.AGAIN,
            verdict.outcome,
            header_of(verdict.again),
            body_of(verdict.again),
            verdict.delay_ms,
        )
    # A file name in it may be no valid text; what cannot be sent would hold up everything behind it.
    reason = " ".join(verdict.reason.split()).encode("utf-8", "replace").decode()
    return Item(lease.id, lease.fence, verdict.action, verdict.outcome, reason, verdict.failure.encode())
