"""The direct way from a body in a worker's thread to the bus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rota.events import Event
from workers.stops import Stop

if TYPE_CHECKING:
    from bus.broker import LeaseBroker
    from rota.clock import Clock
    from rota.messages import Level
    from rota.runs import Progress
    from workers.attempt import Attempt


class AttemptLink:
    """What a body says goes into the attempt's reports; what it asks goes to the session or to Redis."""

    __slots__ = ("_attempt", "_broker", "_clock")

    def __init__(self, attempt: Attempt, broker: LeaseBroker, clock: Clock) -> None:
        self._attempt = attempt
        self._broker = broker
        self._clock = clock

    def progress(self, progress: Progress) -> None:
        """Keep the newest progress for the next report."""
        self._attempt.reports.progress(progress)

    def log(self, level: Level, message: str) -> None:
        """Add a line to the next report."""
        self._attempt.reports.log(level, message)

    def checkpoint(self, state: Any) -> None:
        """Keep the newest state for the next report."""
        self._attempt.reports.checkpoint(state)

    def check(self) -> None:
        """Raise why the attempt shall end, if it shall."""
        attempt = self._attempt
        if attempt.asked is None and self._broker.session().holds(attempt.id, attempt.lease.fence):
            return
        raise (attempt.asked or self._lost()).error()

    def confirm(self) -> None:
        """Raise LeaseLost unless Redis says that the lease still stands."""
        attempt = self._attempt
        if not self._broker.session().confirm(attempt.id, attempt.lease.fence):
            raise self._lost().error()

    def emit(self, event: Event) -> None:
        """Publish at once; only the owner of the task may."""
        attempt = self._attempt
        if attempt.asked is Stop.LEASE_LOST or not self._broker.session().holds(attempt.id, attempt.lease.fence):
            raise self._lost().error()
        self._broker.bus.events.publish([event])

    def sealed(self, sealed_id: str) -> bytes | None:
        """Ask Redis for a ciphertext."""
        return self._broker.bus.seals.read(sealed_id)

    def _lost(self) -> Stop:
        self._attempt.ask(Stop.LEASE_LOST, self._clock.monotonic())
        return Stop.LEASE_LOST
