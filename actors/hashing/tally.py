"""Counts what a run reads to hash it, from several threads, and tells how far it is, in bytes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from actors.run import Run
from actors.syncing.meter import estimated, sized
from actors.transferring import tally


@dataclass(slots=True)
class Counts(tally.Counts):
    """What was done, all attempts together."""

    files: int = 0
    """That were hashed."""


class Tally(tally.Tally[Counts]):
    """The counts of a run that hashes files."""

    deed = "hashed"

    def __init__(self, run: Run, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(run, counts=Counts(), clock=clock)
        self._before = 0
        self.total: int | None = None
        """How many bytes there are to be read, where that is known."""

    def begin(self, counts: Counts, *, failed: int) -> None:
        """Count on from what earlier attempts did."""
        self.counts, self.failed, self._before = counts, failed, counts.bytes

    def report(self, *, ended: bool = False) -> None:
        """Tell how far it is. What was expected is no total any more once there turned out to be more."""
        with self._lock:
            done, files = self._before + self._moved, self.counts.files
        seconds, rate = self._clock() - self._started, self._rate()
        expected = done if ended else self.total
        total = expected if expected is not None and expected >= done else None
        parts = [f"{files:,} files", f"{sized(done)} at {sized(rate)}/s"]
        if total is not None:
            parts += estimated(total - done, rate, seconds)
        self.run.progress(done, total, "bytes", ", ".join(parts))
