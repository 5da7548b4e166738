"""Sums the figures of all children of one supervisor, so that none vanishes with the child that counted it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from rota import metrics as names
from workers.figures import Figures
from workers.tallies import Counted, Tallies


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """All figures at one moment: counters and histograms as (metric, label values, cells), gauges by metric."""

    counted: list[Counted]
    gauges: dict[str, float]


class Board:
    """Holds the newest figures of every living child, and the sums of the dead ones; thread-safe.

    What a killed child counted after its last report (two seconds at the most) is lost, but nothing ever decreases.
    """

    def __init__(self, own_bytes: Callable[[], int]) -> None:
        self._own_bytes = own_bytes
        self._lock = threading.Lock()
        self._living: dict[str, Figures] = {}
        self._departed = Tallies()

    def update(self, child: str, figures: Figures) -> None:
        """Take in what a living child says."""
        with self._lock:
            self._living[child] = figures

    def depart(self, child: str, reason: str | None) -> None:
        """Keep what a child that is gone has counted, and drop its gauges; None when it was meant to end."""
        with self._lock:
            figures = self._living.pop(child, None)
            if figures is not None:
                self._departed.add(figures.counted)
            if reason is not None:
                self._departed.count(names.CHILD_EXITS, reason)

    def sums(self) -> Sums:
        """Return the sums over all children, dead ones included."""
        total = Tallies()
        with self._lock:
            living = list(self._living.values())
            total.add(self._departed.snapshot())
        gauges = dict.fromkeys((names.BUSY_THREADS.name, names.THREADS.name), 0.0)
        gauges[names.RESIDENT_MEMORY.name] = float(self._own_bytes())
        for figures in living:
            total.add(figures.counted)
            for name, value in figures.gauges.items():
                gauges[name] = gauges.get(name, 0.0) + value
        return Sums(counted=total.snapshot(), gauges=gauges)
