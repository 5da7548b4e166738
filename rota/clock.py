"""Two clocks, each for its purpose: wall time is stored, monotonic time measures."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """What tells the time; handed to whoever needs it, so that tests can move it."""

    def now_ms(self) -> int:
        """Return the wall time in milliseconds since 1970, UTC. It may jump; store it, never subtract it."""

    def monotonic(self) -> float:
        """Return seconds from an arbitrary start that never go back. Measure with it, never store it."""


class SystemClock:
    """The clock of the machine."""

    def now_ms(self) -> int:
        """Return the wall time of the machine in milliseconds since 1970."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Return the machine's monotonic seconds."""
        return time.monotonic()


class ManualClock:
    """A clock that stands still until it is moved, for tests and previews."""

    def __init__(self, now_ms: int = 0, monotonic: float = 0.0) -> None:
        self._now_ms = now_ms
        self._monotonic = monotonic

    def now_ms(self) -> int:
        """Return the wall time it was last set to."""
        return self._now_ms

    def monotonic(self) -> float:
        """Return how far it was advanced."""
        return self._monotonic

    def advance(self, ms: int) -> None:
        """Let time pass on both clocks."""
        if ms < 0:
            raise ValueError("time does not pass backwards: use set() for a jump of the wall clock")
        self._now_ms += ms
        self._monotonic += ms / 1000

    def set(self, now_ms: int) -> None:
        """Let the wall clock jump, in either direction; monotonic time does not move."""
        self._now_ms = now_ms
