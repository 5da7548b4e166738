"""Counts what the leader decides, for the fleet's metrics: here for a moment, then in Redis for every scheduler."""

from __future__ import annotations

import threading
from collections import Counter


class Tally:
    """Counters that grow; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def add(self, name: str, count: int = 1) -> None:
        """Count something."""
        if count:
            with self._lock:
                self._counts[name] += count

    def take(self) -> dict[str, int]:
        """Return what was counted since the last time, and forget it."""
        with self._lock:
            taken, self._counts = self._counts, Counter()
        return dict(taken)

    def give_back(self, counts: dict[str, int]) -> None:
        """Take counts back that could not be passed on."""
        with self._lock:
            self._counts.update(counts)
