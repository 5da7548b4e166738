"""The attempts that run in this process, and the one thread that looks after them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from rota.clock import Clock
from workers.attempt import Attempt

logger = logging.getLogger(__name__)

Duty = Callable[[Attempt, float], None]
"""What is done for each attempt in each pass; gets the monotonic time. Short, and never waits."""

QUICK_SECONDS = 0.02
"""Time between two passes while an attempt is young, so that its start is known within 50 ms."""
SLOW_SECONDS = 0.1
"""Time between two passes when none is."""
YOUNG_SECONDS = 0.1


class Running:
    """Knows the running attempts by task id, and the one that the calling thread runs."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._attempts: dict[str, Attempt] = {}
        self._mine = threading.local()
        self._wake = threading.Condition()
        self._resting = False
        self._stopping = False
        self._duties: Sequence[Duty] = ()
        self._thread: threading.Thread | None = None

    def __len__(self) -> int:
        return len(self._attempts)

    def add(self, attempt: Attempt) -> None:
        """Begin: the calling thread runs this attempt."""
        self._mine.attempt = attempt
        self._attempts[attempt.id] = attempt
        # Read after the attempt is there: who goes to rest looks once more after saying so.
        if self._resting:
            with self._wake:
                self._wake.notify()

    def remove(self, attempt: Attempt) -> None:
        """End: nobody looks after this attempt any more; it stays the calling thread's own until `leave`."""
        self._attempts.pop(attempt.id, None)

    def leave(self) -> None:
        """Forget what the calling thread ran last."""
        self._mine.attempt = None

    def get(self, task_id: str) -> Attempt | None:
        """Return the running attempt of a task."""
        return self._attempts.get(task_id)

    def mine(self) -> Attempt | None:
        """Return the attempt that the calling thread runs."""
        return getattr(self._mine, "attempt", None)

    def all(self) -> list[Attempt]:
        """Return all running attempts."""
        return list(self._attempts.copy().values())

    def watch(self, duties: Sequence[Duty]) -> None:
        """Start the thread that does the duties for every running attempt; it sleeps while none runs."""
        self._duties = tuple(duties)
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()

    def unwatch(self) -> None:
        """Stop the thread; safe before `watch` and when called twice."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._stopping:
            now = self._clock.monotonic()
            attempts = self.all()
            for attempt in attempts:
                self._look_after(attempt, now)
            if any(now - attempt.began < YOUNG_SECONDS for attempt in attempts):
                self._rest(QUICK_SECONDS, attempts)
            else:
                self._rest(SLOW_SECONDS if attempts else None, attempts)

    def _look_after(self, attempt: Attempt, now: float) -> None:
        for duty in self._duties:
            try:
                duty(attempt, now)
            except Exception:
                # One attempt's trouble must not leave the others without their time limits.
                logger.exception("attempt.neglected", extra={"task": attempt.id})

    def _rest(self, seconds: float | None, seen: list[Attempt]) -> None:
        with self._wake:
            self._resting = seconds != QUICK_SECONDS
            # Without this look an attempt that was added in between would wait for the next one.
            if not self._stopping and not (self._resting and len(self._attempts) > len(seen)):
                self._wake.wait(seconds)
            self._resting = False
