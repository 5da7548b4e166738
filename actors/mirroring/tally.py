"""Counts what a mirror does, from several threads, and tells the run how far it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from actors.run import Run
from actors.syncing.meter import sized
from actors.transferring import tally


@dataclass(slots=True)
class Counts(tally.Counts):
    """What was done, all attempts together."""

    copied: int = 0
    removed: int = 0


class Tally(tally.Tally[Counts]):
    """The counts of a mirror; how far it is, is how many entries of the source are settled."""

    deed = "mirrored"

    def __init__(
        self, run: Run, *, counts: Counts, total: int | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin to count; `total` is how many entries the source is thought to have, where that is known."""
        super().__init__(run, counts=counts, clock=clock)
        self._total = total
        self._seen = 0

    def saw(self, entries: int = 1) -> None:
        """Count entries of the source that are settled."""
        with self._lock:
            self._seen += entries
        self.tick()

    def report(self, *, ended: bool = False) -> None:
        """Tell how far it is."""
        with self._lock:
            seen, moved, copied = self._seen, self._moved, self.counts.copied
        total = seen if ended else self._total
        self.run.progress(
            seen,
            total if total is not None and total >= seen else None,
            "entries",
            f"{copied:,} copied, {sized(moved)} at {sized(self._rate())}/s",
        )
