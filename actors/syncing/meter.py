"""Tells how far a long walk is, a few times a second at most."""

from __future__ import annotations

import time
from collections.abc import Callable

from actors.run import Run

_INTERVAL_SECONDS = 0.3
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


class Meter:
    """Counts entries and bytes, and reports them as the run's progress."""

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
        self._reported = float("-inf")
        self.entries = entries
        self.bytes = size
        self.total: int | None = None
        """How many entries are expected, where that is known."""

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
        self._run.progress(self.entries, total, "entries", f"{self._label}: {sized(self.bytes)}")


def sized(size: int) -> str:
    """Give a number of bytes as people read it: `1.5 GiB`."""
    amount = float(size)
    for unit in _UNITS:
        if amount < 1024 or unit == _UNITS[-1]:
            break
        amount /= 1024
    return f"{size} bytes" if unit == "bytes" else f"{amount:.1f} {unit}"
