"""What time it is, told so that no single clock can start a tick early, twice or never by jumping.

Three clocks are looked at together: the wall clock of the Redis server, the own wall clock, and the own monotonic
clock, which tells no time but measures well. From the last time that was taken for true, the *anchor*, the monotonic
clock says what time is to be expected now:

- a wall clock that agrees with what is expected is right, and becomes the new anchor; the nearer one if both do;
- when neither agrees with that but both agree with each other, the time was set, or the machine slept: they are right;
- when nothing agrees with anything, time goes on from the anchor by the monotonic clock alone.

A new leader has no anchor. If both wall clocks agree, that is the time. If not, one of them is wrong, and the smaller
one does less harm: late can be made good, early cannot. But time that another leader has trusted is over for good, so a
clock that is behind that is the wrong one.

What is assumed:

- Jumps are larger than half a second, and the clocks of healthy machines differ by less. A clock that is slewed by NTP
  moves by at most 0.5 ms a second and is followed; the monotonic clock is slewed along with it.
- One of the three may be wrong at any time, two at once as long as they are not wrong in the same way. If somebody sets
  the time of a machine with everything on it wrong, then that is the time.
- While a machine sleeps or a virtual one is stopped, the monotonic clock stands still. Both wall clocks tell the new
  time when it goes on. As long as the own one does not, because nobody has corrected it, it agrees with what is
  expected, and ticks come late by the length of the sleep; never early.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from rota.clock import Clock

TOLERANCE_MS = 500
"""Clocks that differ by no more than this agree."""
DRIFT = 500e-6
"""By how much of the time since it was last compared the monotonic clock may be wrong."""
STALE_SECONDS = 0.25
"""A reading that was longer on its way than this says nothing: the process stood still in between."""


class TrustedClock:
    """A clock whose wall time is the trusted one, for the duties beside the ticks."""

    def __init__(self, now_ms: Callable[[], int], clock: Clock) -> None:
        self.now_ms = now_ms
        self.monotonic = clock.monotonic


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the clocks said in one moment: wall clocks in ms, `monotonic` in seconds; `server` of None says nothing."""

    server: int | None
    own: int
    monotonic: float


def read(clock: Clock, *, server: int, asked: float) -> Reading:
    """Read the own clocks beside what the server has just said, which was asked at a monotonic time."""
    while True:
        before = clock.monotonic()
        own = clock.now_ms()
        after = clock.monotonic()
        if after - before <= STALE_SECONDS:
            break
    return Reading(server=server if after - asked <= STALE_SECONDS else None, own=own, monotonic=after)


class Timekeeper:
    """Keeps the anchor of one leader for one term; `last` is the latest time (ms) that any leader has trusted."""

    def __init__(self, last: int | None) -> None:
        self._last = last
        #: The time taken for true, in ms, and the monotonic time of that moment.
        self._anchor: tuple[float, float] | None = None
        self._agreed_at = 0.0
        self.doubted: tuple[str, ...] = ()
        """Which wall clocks were wrong at the last look: `server`, `own`, or both."""

    def now(self, monotonic: float) -> int | None:
        """Return the time at a monotonic time after the last look, None before the first one."""
        return None if self._anchor is None else int(self._expected(self._anchor, monotonic))

    def look(self, reading: Reading) -> int:
        """Compare the clocks, and return the time."""
        if self._anchor is None:
            time, agreed = self._first(reading), True
        else:
            expected = self._expected(self._anchor, reading.monotonic)
            patience = TOLERANCE_MS + DRIFT * 1000 * (reading.monotonic - self._agreed_at)
            time, agreed = _judge(expected, patience, reading)
        self._anchor = (time, reading.monotonic)
        if agreed:
            self._agreed_at = reading.monotonic
        self.doubted = tuple(
            name
            for name, told in (("server", reading.server), ("own", reading.own))
            if told is not None and abs(told - time) > TOLERANCE_MS
        )
        return int(time)

    def _first(self, reading: Reading) -> float:
        if _both_agree(reading) and reading.server is not None:
            return reading.server
        told = [reading.own] if reading.server is None else [reading.server, reading.own]
        if self._last is None:
            return min(told)
        return min((each for each in told if each >= self._last), default=self._last)

    @staticmethod
    def _expected(anchor: tuple[float, float], monotonic: float) -> float:
        time, at = anchor
        return time + (monotonic - at) * 1000


def _judge(expected: float, patience: float, reading: Reading) -> tuple[float, bool]:
    """Return the time, and whether a wall clock tells it."""
    told = [reading.own] if reading.server is None else [reading.server, reading.own]
    nearest = min(told, key=lambda each: abs(each - expected))
    if abs(nearest - expected) <= patience:
        return nearest, True
    if _both_agree(reading) and reading.server is not None:
        return reading.server, True
    return expected, False


def _both_agree(reading: Reading) -> bool:
    return reading.server is not None and abs(reading.server - reading.own) <= TOLERANCE_MS
