"""Ends attempts: cancelled, paused, handed back, or because another worker has the task."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from dramatiq.middleware import Middleware

from rota.errors import BusUnavailable
from workers.attempt import Attempt
from workers.stops import Stop

if TYPE_CHECKING:
    from dramatiq import Worker
    from dramatiq.broker import Broker

    from bus.broker import LeaseBroker
    from rota.clock import Clock
    from workers.running import Running

_ASKED = {"cancel": Stop.CANCELLED, "pause": Stop.PAUSED}


class Control(Middleware):
    """Passes requests on to the running bodies, and presses those that do not listen."""

    def __init__(self, broker: LeaseBroker, running: Running, clock: Clock) -> None:
        self._broker = broker
        self._running = running
        self._clock = clock

    def before_worker_boot(self, broker: Broker, worker: Worker) -> None:
        """Listen to what is asked of this worker."""
        listeners = self._broker.listeners
        listeners.asked.append(self.asked)
        listeners.lost.append(self.lost)
        listeners.refused.append(self.refused)

    def asked(self, kind: str, task_id: str) -> None:
        """Hear what a person wants of a task; resume takes a pause back that has not happened yet."""
        attempt = self._running.get(task_id)
        if attempt is None:
            return
        if kind in _ASKED:
            attempt.ask(_ASKED[kind], self._clock.monotonic())
        elif kind == "resume":
            attempt.withdraw(Stop.PAUSED)

    def lost(self, task_id: str) -> None:
        """Hear that the lease of a task is gone; its body must not do anything that others see."""
        attempt = self._running.get(task_id)
        if attempt is not None:
            attempt.ask(Stop.LEASE_LOST, self._clock.monotonic())

    def refused(self, task_id: str) -> None:
        """Hear that a report was refused: of the running attempt, or of an older one that it follows."""
        attempt = self._running.get(task_id)
        if attempt is None:
            return
        with suppress(BusUnavailable):
            if not self._broker.session().confirm(task_id, attempt.lease.fence):
                attempt.ask(Stop.LEASE_LOST, self._clock.monotonic())

    def ask_all(self, stop: Stop, *, patience: float) -> None:
        """Ask every running body to end, and press it after `patience` seconds."""
        for attempt in self._running.all():
            attempt.ask(stop, self._clock.monotonic(), patience=patience)

    def press(self, attempt: Attempt, now: float) -> None:
        """Press a body that was asked long enough ago, and ask one whose lease ran out. A duty of the watch."""
        if attempt.asked is None:
            # A body that never looks would go on although Redis has been away for longer than the lease.
            if not attempt.closed and not self._broker.session().holds(attempt.id, attempt.lease.fence):
                attempt.ask(Stop.LEASE_LOST, now)
            return
        attempt.press_if_due(now)
