"""Tells how far a long walk is, a few times a second at most."""

from __future__ import annotations

import time
from collections.abc import Callable

from actors.run import Run

_INTERVAL_SECONDS = 0.3
# Before that a rate says more about the start than about the work.
_FIRST_ESTIMATE_SECONDS = 2.0
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


class Meter:
    """Counts entries and bytes, and reports them as the run's progress, with a rate and an estimate of what is left."""

    def __init__(
        self,
        run: Run,
        *,
        label: str,
        entries: int = 0,
        size: int = 0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._run = run
        self._label = label
        self._monotonic = monotonic
        self._began = monotonic()
        self._reported = float("-inf")
        self._skipped = entries
        self.entries = entries
        self.bytes = size
        self.total: int | None = None
        """How many entries are expected, where that is known."""

    @property
    def seconds(self) -> float:
        """How long it has been counting."""
        return self._monotonic() - self._began

    @property
    def per_second(self) -> float:
        """How many entries were counted a second, without those that were there at the beginning."""
        return (self.entries - self._skipped) / max(self.seconds, 0.001)

    def add(self, entries: int, size: int) -> None:
        """Count what was seen, and report if the last report is old enough."""
        self.entries += entries
        self.bytes += size
        now = self._monotonic()
        if now - self._reported >= _INTERVAL_SECONDS:
            self._reported = now
            self.report()

    def report(self, *, ended: bool = False) -> None:
        """Report now. What was expected is no total any more once there turned out to be more."""
        expected = self.entries if ended else self.total
        total = expected if expected is not None and expected >= self.entries else None
        parts = [sized(self.bytes)]
        if ended or self.seconds >= _FIRST_ESTIMATE_SECONDS:
            parts.append(f"{self.per_second:,.0f} entries/s")
            if total is not None:
                parts += estimated(total - self.entries, self.per_second, self.seconds)
        self._run.progress(self.entries, total, "entries", f"{self._label}: {', '.join(parts)}")


def estimated(left: float, rate: float, seconds: float) -> list[str]:
    """Give a part of a report: how long what is left takes, judged by the rate so far; nothing while that is unsure."""
    if left <= 0 or rate < 1 or seconds < _FIRST_ESTIMATE_SECONDS:
        return []
    return [f"about {lasting(left / rate)} left"]


def sized(size: int) -> str:
    """Give a number of bytes as people read it: `1.5 GiB`."""
    amount = float(size)
    for unit in _UNITS:
        if amount < 1024 or unit == _UNITS[-1]:
            break
        amount /= 1024
    return f"{size} bytes" if unit == "bytes" else f"{amount:.1f} {unit}"


def lasting(seconds: float) -> str:
    """Give a time as people say it: `40 s`, `3 min`, `2 h`."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 90 * 60 else f"{round(seconds / 3600)} h"
