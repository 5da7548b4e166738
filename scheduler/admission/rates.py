"""Rates of starts, within one transaction: each key is locked and read once, and written once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from rota.rates import Starts, next_start, with_start
from rota.times import DAY_MS, iso_duration, rfc3339
from store.queries import rates

if TYPE_CHECKING:
    from scheduler.jobs.plans import RateLimit
    from store.engine import Connection

#: How far ahead a turn may lie: a day, or one period where that is longer, and never more periods than this.
MOST_PERIODS = 10_000


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """When one more run may start (ms), or the reason why it is not going to."""

    start_at: int = 0
    refusal: str | None = None


class Rates:
    """The starts of some keys, which nobody else can change until the transaction ends.

    A turn that was given stays used, also when its run is cancelled before it comes: what was promised to others after
    it does not move.
    """

    def __init__(self, conn: Connection, keys: Iterable[str]) -> None:
        self._conn = conn
        self._starts = rates.load(conn, dict.fromkeys(keys))
        self._changed: dict[str, Starts] = {}

    def reserve(self, rate: RateLimit, key: str, now: int) -> Turn:
        """Give the next turn of a key, unless it is too far ahead or its job does not wait."""
        starts = self._starts[key]
        start = next_start(starts.at, limit=rate.most, period_ms=rate.period_ms, now=now)
        if start > now:
            said = f"{rate.most} in {iso_duration(rate.period_ms)} have started, the next may at {rfc3339(start)}"
            if not rate.waits:
                return Turn(refusal=f"over the rate of its job: {said}")
            if start - now > _longest_wait(rate.period_ms):
                return Turn(refusal=f"its turn would come too late: {said}")
        return Turn(start_at=self.put_off(rate, key, now))

    def put_off(self, rate: RateLimit, key: str, now: int) -> int:
        """Give a turn (ms) to a run that missed the one it was promised, however far ahead it is."""
        starts = self._starts[key]
        start = next_start(starts.at, limit=rate.most, period_ms=rate.period_ms, now=now)
        self._starts[key] = self._changed[key] = with_start(starts, start, period_ms=rate.period_ms, now=now)
        return start

    def write(self) -> None:
        """Write what was reserved."""
        rates.save(self._conn, self._changed)


def _longest_wait(period_ms: int) -> int:
    return min(max(DAY_MS, period_ms), MOST_PERIODS * period_ms)
