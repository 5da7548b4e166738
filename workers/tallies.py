"""Counts what one process does, to be summed up over all children of a supervisor."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Iterable
from typing import Protocol

from rota.metrics import Metric

Key = tuple[str, tuple[str, ...]]
"""Name of a metric, and the values of its labels in their order."""
Cells = list[float]
Counted = tuple[str, tuple[str, ...], Cells]
"""Name, values of the labels, and the cells."""


class Recorder(Protocol):
    """Takes figures; the silent twin lets code run without any."""

    def count(self, metric: Metric, *labels: str, by: float = 1.0) -> None:
        """Add to a counter."""

    def observe(self, metric: Metric, value: float, *labels: str) -> None:
        """Add one value to a histogram."""


class NoTallies:
    """Forgets every figure."""

    def count(self, metric: Metric, *labels: str, by: float = 1.0) -> None:
        """Forget it."""

    def observe(self, metric: Metric, value: float, *labels: str) -> None:
        """Forget it."""


class Tallies:
    """Counters and histograms; one thread at a time.

    A histogram is kept as its list of counts by bucket, the last one for what is above them all, and then the sum.
    """

    def __init__(self) -> None:
        self._counters: dict[Key, float] = {}
        self._histograms: dict[Key, Cells] = {}

    def count(self, metric: Metric, *labels: str, by: float = 1.0) -> None:
        """Add to a counter."""
        key = (metric.name, labels)
        self._counters[key] = self._counters.get(key, 0.0) + by

    def observe(self, metric: Metric, value: float, *labels: str) -> None:
        """Add one value, in seconds, to a histogram."""
        key = (metric.name, labels)
        cells = self._histograms.get(key)
        if cells is None:
            cells = self._histograms[key] = [0.0] * (len(metric.buckets) + 2)
        cells[bisect_left(metric.buckets, value)] += 1
        cells[-1] += value

    def add(self, snapshot: Iterable[Counted]) -> None:
        """Add what another has counted."""
        for name, labels, cells in snapshot:
            key = (name, tuple(labels))
            if len(cells) == 1:
                self._counters[key] = self._counters.get(key, 0.0) + cells[0]
                continue
            known = self._histograms.get(key)
            self._histograms[key] = list(cells) if known is None else [a + b for a, b in zip(known, cells, strict=True)]

    def snapshot(self) -> list[Counted]:
        """Return all figures; a counter has one cell. Safe while its own thread goes on counting."""
        counters: list[Counted] = [(name, labels, [value]) for (name, labels), value in self._counters.copy().items()]
        histograms = self._histograms.copy().items()
        return counters + [(name, labels, list(cells)) for (name, labels), cells in histograms]


class ThreadTallies:
    """Tallies that many threads add to: each has its own, so that none waits for another at every task."""

    def __init__(self) -> None:
        self._mine = threading.local()
        self._all: list[Tallies] = []

    def count(self, metric: Metric, *labels: str, by: float = 1.0) -> None:
        """Add to a counter."""
        self._own().count(metric, *labels, by=by)

    def observe(self, metric: Metric, value: float, *labels: str) -> None:
        """Add one value, in seconds, to a histogram."""
        self._own().observe(metric, value, *labels)

    def snapshot(self) -> list[Counted]:
        """Return the sums over all threads."""
        total = Tallies()
        for one in self._all.copy():
            total.add(one.snapshot())
        return total.snapshot()

    def _own(self) -> Tallies:
        own: Tallies | None = getattr(self._mine, "tallies", None)
        if own is None:
            own = self._mine.tallies = Tallies()
            self._all.append(own)
        return own
