"""Who leads: one of the schedulers, for as long as it can prove it to itself.

The lease in Redis is never proof for anybody else: what a leader emits carries its epoch and is refused when that is
old. The deadline here only keeps a leader in doubt from trying.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from rota.clock import Clock, SystemClock
from rota.errors import RotaError
from rota.loop import Loop

if TYPE_CHECKING:
    from bus.leadership import Leadership

logger = logging.getLogger(__name__)

#: A third of the lease: two campaigns may fail before a healthy leader is in doubt.
CAMPAIGNS_PER_LEASE = 3


class Leader:
    """Campaigns in a loop of its own, and says whether this scheduler leads.

    `on_change` is called with the new epoch when the leadership is won and with None when it is lost, from the
    campaign's thread; it must not wait.
    """

    def __init__(
        self,
        leadership: Leadership,
        owner: str,
        *,
        on_change: Sequence[Callable[[int | None], None]] = (),
        clock: Clock | None = None,
    ) -> None:
        self.owner = owner
        self._leadership = leadership
        self._on_change = tuple(on_change)
        self._clock = clock or SystemClock()
        # Epoch and deadline change together: one reference, so that readers need no lock.
        self._term: tuple[int, float] = (0, 0.0)
        self._told: int | None = None
        self._guard = threading.Lock()
        self._interval = leadership.lease_ms / 1000 / CAMPAIGNS_PER_LEASE
        self._loop = Loop("leader", self.campaign, interval=self._interval)

    def leading(self) -> int | None:
        """Return the epoch while this scheduler leads, else None."""
        epoch, until = self._term
        return epoch if self._clock.monotonic() < until else None

    def start(self) -> None:
        """Start campaigning."""
        self._loop.start()

    def stop(self, timeout: float = 5.0) -> bool:
        """Stop campaigning and give the leadership back; return whether the loop has ended in time."""
        ended = self._loop.stop(timeout)
        self._step_down()
        try:
            self._leadership.resign(self.owner)
        except RotaError as error:
            logger.warning("leader.not_resigned", extra={"owner": self.owner, "error": str(error)})
        return ended

    def campaign(self) -> float:
        """Ask once to lead or to go on leading; return the seconds until the next time."""
        try:
            term = self._leadership.campaign(self.owner)
        except RotaError as error:
            logger.warning("leader.campaign_failed", extra={"owner": self.owner, "error": str(error)})
        else:
            self._term = (term.epoch, term.until) if term.leads else (0, 0.0)
        self._tell(self.leading())
        # Spread, so that several standbys do not ask in step.
        return self._interval * random.uniform(0.9, 1.1)  # noqa: S311 -- spreads load, guards nothing

    def doubt(self) -> None:
        """Step down at once, because an emission was refused; the next campaign finds out who leads."""
        self._step_down()
        self._loop.wake()

    def _step_down(self) -> None:
        self._term = (0, 0.0)
        self._tell(None)

    def _tell(self, epoch: int | None) -> None:
        with self._guard:
            if epoch == self._told:
                return
            self._told = epoch
        logger.info("leader.won" if epoch else "leader.lost", extra={"owner": self.owner, "epoch": epoch})
        for listener in self._on_change:
            listener(epoch)
