"""Counts what a `compress` reads, from several threads, and tells how far it is: in bytes of the files' contents."""

from __future__ import annotations

import time
from collections.abc import Callable

from actors.run import Run
from actors.syncing.meter import estimated, sized
from actors.transferring import tally


class Tally(tally.Tally[tally.Counts]):
    """The progress of an archive."""

    deed = "packed"

    def __init__(self, run: Run, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(run, counts=tally.Counts(), clock=clock)
        self._before = 0
        self._total: int | None = None
        self._entries = self._found = self._written = 0

    def found(self, size: int) -> None:
        """Count an entry that goes in, before it is read; with the bytes of all there are so far."""
        self._entries += 1
        self._found = size
        self.tick()

    def found_all(self, total: int) -> None:
        """Say how many bytes there will be in the archive."""
        self._total = total

    def begin(self, before: int) -> None:
        """Count on from what is in the archive already."""
        with self._lock:
            self._before = before
            self._moved = self._spared = 0
            self._started = self._clock()

    def wrote(self, size: int) -> None:
        """Say how long the archive is."""
        self._written = size

    def report(self, *, ended: bool = False) -> None:
        """Tell how far it is; the total is known once everything was found."""
        with self._lock:
            total, done = self._total, self._before + self._moved + self._spared
        seconds, rate = self._clock() - self._started, self._rate()
        parts = []
        if total is not None:
            done = total if ended else min(done, total)
        else:
            parts.append(f"{self._entries:,} entries found, {sized(self._found)}")
        if done:
            parts += [f"{sized(done)} at {sized(rate)}/s", f"{sized(self._written)} written"]
        if total is not None:
            parts += estimated(total - done, rate, seconds)
        self.run.progress(done, total, "bytes", ", ".join(parts))
