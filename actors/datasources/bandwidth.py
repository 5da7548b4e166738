"""Holds a copy to so many bytes a second, whatever the number of threads that copy."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

_BURST_SECONDS = 0.25
_STEP_SECONDS = 0.1


class Bandwidth:
    """A bucket that fills at a steady rate and holds what a quarter of a second lets through.

    In any span of t seconds at most `rate * (t + 0.25)` bytes pass, after the waits of `take`; over time exactly
    the rate. Safe in several threads.
    """

    def __init__(
        self,
        bytes_per_second: float | None,
        *,
        check: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take the rate, None for no limit; `check` is called while waiting, and what it raises ends the wait."""
        self._rate = bytes_per_second
        self._check = check
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._paid_until = float("-inf")
        """Until when what has passed uses up the rate."""

    def take(self, size: int) -> None:
        """Wait until so many bytes may pass."""
        if self._rate is None:
            return
        with self._lock:
            now = self._clock()
            self._paid_until = max(self._paid_until, now - _BURST_SECONDS) + size / self._rate
            ready = self._paid_until
        while (left := ready - self._clock()) > 0:
            self._check()
            self._sleep(min(left, _STEP_SECONDS))
