"""How a worker process stops, stage by stage; nothing is lost, and nothing waits for a lease to run out.

1. *No more*: nothing is fetched or started; what waits in memory goes back at the end.
2. *Finish*: short tasks end by themselves.
3. *Ask*: the others are told by `run.check()` to save their state and let go.
4. *Interrupt*: whoever has not let go when the grace is over is interrupted, an isolated body killed.
5. *Give back*: what is stuck even so is handed back, and the process ends right behind it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from workers.stops import Stop

if TYPE_CHECKING:
    from collections.abc import Callable

    from dramatiq import Worker

    from bus.broker import LeaseBroker
    from rota.clock import Clock
    from workers.middleware.attempts import Attempts
    from workers.middleware.control import Control
    from workers.running import Running

logger = logging.getLogger(__name__)

FINISH_SECONDS = 1.0
"""How long short tasks get to end by themselves, as far as the grace allows."""
INTERRUPT_SECONDS = 1.5
"""How long an interrupted body gets to let go."""
_POLL_SECONDS = 0.05


class Stages:
    """Stops one worker process; `hurried()` says that somebody wants it to end now."""

    def __init__(
        self,
        worker: Worker,
        broker: LeaseBroker,
        running: Running,
        *,
        control: Control,
        attempts: Attempts,
        clock: Clock,
        pause: Callable[[float], None],
        hurried: Callable[[], bool],
    ) -> None:
        self._worker = worker
        self._broker = broker
        self._running = running
        self._control = control
        self._attempts = attempts
        self._clock = clock
        self._pause = pause
        self._hurried = hurried

    def stop(self, *, grace: float, finish: float | None = None) -> None:
        """Go through all stages; `finish` is how long tasks may go on undisturbed, within the grace."""
        end = self._clock.monotonic() + grace
        self.no_more()
        self.wait(min(FINISH_SECONDS, grace / 4) if finish is None else finish)
        self.ask(end)
        self.wait_interrupted()
        self.give_back()

    def no_more(self) -> None:
        """Fetch and start nothing any more."""
        self._broker.session().stop_fetching()
        for thread in self._worker.workers:
            thread.stop()

    def wait(self, seconds: float) -> None:
        """Wait until nothing runs, at most so long."""
        end = self._clock.monotonic() + seconds
        while self._running and not self._hurried() and self._clock.monotonic() < end:
            self._pause(_POLL_SECONDS)

    def ask(self, end: float) -> None:
        """Ask all bodies to let go, and wait until the end of the grace (monotonic)."""
        while self._running and not self._hurried():
            left = end - self._clock.monotonic()
            # Again and again: a message may have been picked up in the very moment in which all this began.
            self._control.ask_all(Stop.SHUTTING_DOWN, patience=max(0.0, left))
            if left <= 0:
                return
            self._pause(_POLL_SECONDS)

    def wait_interrupted(self) -> None:
        """Press whoever is left, and wait a moment for it to let go."""
        self._control.ask_all(Stop.SHUTTING_DOWN, patience=0.0)
        end = self._clock.monotonic() + INTERRUPT_SECONDS
        while self._running and self._clock.monotonic() < end:
            for attempt in self._running.all():
                self._control.press(attempt, self._clock.monotonic())
            self._pause(_POLL_SECONDS)

    def give_back(self) -> None:
        """Hand back what did not let go and what never started, and settle all that is done."""
        # From here on nobody reports any more.
        self._running.unwatch()
        for attempt in self._running.all():
            logger.warning("attempt.stuck", extra={"task": attempt.id, "actor": attempt.task.actor})
            self._attempts.give_back(attempt)
        # The threads that can end have ended, or are about to; a stuck one is not waited for.
        self._worker.stop(timeout=1_000 if self._running else 3_000)
