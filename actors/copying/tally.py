"""Counts what a copy or move does, and tells the run how far it is: in bytes, as far as they are known."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

from actors.run import Run
from actors.syncing.meter import sized
from actors.transferring import tally


@dataclass(slots=True)
class Counts(tally.Counts):
    """What was done, all attempts together."""

    copied: int = 0
    moved: int = 0


class Tally(tally.Tally[Counts]):
    """The counts of a copy or move."""

    def __init__(self, run: Run, *, counts: Counts, deed: str, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin to count; `deed` is what is done to entries: copied or moved."""
        super().__init__(run, counts=counts, clock=clock)
        self.deed = deed
        self._found = 0
        self._is_all = False

    def found(self, size: int) -> None:
        """Count the bytes of a file that is to be carried."""
        with self._lock:
            self._found += size

    def found_all(self) -> None:
        """Note that no more files will be found."""
        self._is_all = True

    def to_json(self) -> dict[str, int]:
        """Give the counts for a checkpoint; what was left out is not met again either."""
        with self._lock:
            return asdict(self.counts)

    def report(self, *, ended: bool = False) -> None:
        """Tell how far it is; the total is known once all files were found."""
        with self._lock:
            # What is read again after a failure does not count twice.
            done = min(self._found, self._moved + self._spared)
            counts = self.counts
            entries = counts.moved or counts.copied
            total = self._found if self._is_all else None
        if ended and total is not None and not self.failed:
            done = total
        self.run.progress(
            done, total, "bytes", f"{entries:,} {self.deed}, {sized(self._moved)} at {sized(self._rate())}/s"
        )
