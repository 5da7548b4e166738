"""How often something may start: never more than so many times in any span of a period, to the millisecond.

The newest starts are remembered one by one, so that the span slides: there is no counter that falls back to zero at
some instant and lets twice as many through around it. A start may lie ahead; it then is a reservation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MOST_STARTS = 1000
"""Starts that are remembered of a key, and the most that a limit may be."""


@dataclass(frozen=True, slots=True)
class Starts:
    """The newest starts of a key that still count (ms, in order), and from when on none of them does."""

    at: tuple[int, ...] = ()
    until: int = 0


def next_start(starts: Sequence[int], *, limit: int, period_ms: int, now: int) -> int:
    """Return the first time (ms) from `now` on at which one more may start.

    It never lies before an earlier reservation, so whoever asked first starts first. A span is [t, t + period): two
    starts that lie a whole period apart are in no span together.
    """
    at = max(now, starts[-1]) if starts else now
    return max(at, starts[-limit] + period_ms) if len(starts) >= limit else at


def with_start(starts: Starts, start: int, *, period_ms: int, now: int) -> Starts:
    """Return the starts together with a new one, which is not before `now` nor before the last.

    What several rules share, each with a period of its own, is remembered for the longest of those that have asked.
    """
    horizon = max(period_ms, starts.until - starts.at[-1]) if starts.at else period_ms
    # Later starts are not before `now`: what is over by then will never count again.
    counting = [earlier for earlier in starts.at[-(MOST_STARTS - 1) :] if earlier + horizon > now]
    return Starts((*counting, start), start + horizon)
