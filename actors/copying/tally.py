"""Counts what a copy or move does, and tells the run how far it is: in bytes, as far as they are known."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
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
        self._open: dict[int, dict[str, int]] = {}
        """What each thread counted of the file that it settles."""

    def found(self, size: int) -> None:
        """Count the bytes of a file that is to be carried."""
        with self._lock:
            self._found += size

    def found_all(self) -> None:
        """Note that no more files will be found."""
        self._is_all = True

    def open(self) -> None:
        """Begin to count a file in this thread, for no checkpoint until `settle`."""
        with self._lock:
            self._open[threading.get_ident()] = {}

    def settle(self) -> None:
        """Note that the file of this thread is settled: its counts belong into checkpoints."""
        with self._lock:
            del self._open[threading.get_ident()]

    def to_json(self) -> dict[str, int]:
        """Give the counts for a checkpoint, without files that the next attempt may meet again."""
        with self._lock:
            counts = asdict(self.counts)
            for each in self._open.values():
                for name, count in each.items():
                    counts[name] -= count
            return counts

    def _count(self, counts: Mapping[str, int]) -> None:
        super()._count(counts)
        counted = self._open.get(threading.get_ident())
        if counted is not None:
            for name, count in counts.items():
                counted[name] = counted.get(name, 0) + count

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
