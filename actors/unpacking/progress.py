"""Tells how far the reading of an archive is: in bytes, with a rate and an estimate of what is left."""

from __future__ import annotations

import time
from collections.abc import Callable

from actors.run import Run
from actors.syncing.meter import estimated, sized

_INTERVAL_SECONDS = 0.3


class Progress:
    """How far it is; for one thread.

    Of archives that tell what is in them it is measured by what came out, of others by what of the file was used.
    """

    def __init__(
        self,
        run: Run,
        *,
        done: Callable[[], int],
        total: int,
        deed: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin; `done` gives how many bytes of the `total` are behind us, `deed` is what is done to members."""
        self._run = run
        self._done = done
        self._total = total
        self._deed = deed
        self._clock = clock
        self._began = self._reported = clock()
        self.entries = 0

    def tick(self) -> None:
        """Tell it, unless that was told just now."""
        now = self._clock()
        if now - self._reported >= _INTERVAL_SECONDS:
            self._reported = now
            self.report()

    def report(self, *, ended: bool = False) -> None:
        """Tell it now."""
        done = self._total if ended else min(self._done(), self._total)
        seconds = self._clock() - self._began
        rate = done / max(seconds, 0.001)
        parts = [f"{self.entries:,} {self._deed}", f"{sized(done)} at {sized(int(rate))}/s"]
        parts += estimated(self._total - done, rate, seconds)
        self._run.progress(done, self._total, "bytes", ", ".join(parts))
