"""ISO 8601 repeating intervals in closed form: each run is computed from the anchor, so nothing drifts.

`Rn/…` means n runs in total, `R/…` no end. Three forms: start/duration, start/end (the length between them repeats),
and duration/end (counted back from the end, which is the last run). Hours, minutes and seconds are exact lengths; days,
weeks, months and years follow the clock on the wall in the trigger's time zone, and the 31st is the last day of a
shorter month.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from rota.times import DAY_MS, MAX_MS, MIN_MS, Duration, parse_duration, parse_rfc3339
from rota.zones import Fold, Gap, instants_of, offset_at

MAX_REPEATS = 10**9
MIN_PERIOD_MS = 100
MONTH_MS = 2_629_746_000
"""The mean length of a month: a 12th of 365.2425 days."""

_HEAD = re.compile(r"R(\d{0,10})")
_ZONED = re.compile(r".*([Zz]|[+-]\d\d:\d\d)", re.DOTALL)
_FIRST_DAY = date(1970, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """A parsed repeating interval.

    `anchor` is the instant that runs are counted from, in milliseconds; `local` the same on the wall clock of
    `timezone`. Run k is k periods after the anchor, or before it when `backwards`. `count` of None means without end.
    """

    anchor: int
    local: int
    timezone: str
    period: Duration
    count: int | None
    backwards: bool

    def due_times(self, k: int, gap: Gap, fold: Fold) -> tuple[int, ...]:
        """Return when run k from the anchor is due: usually once, never or twice when the clocks change then."""
        steps = -k if self.backwards else k
        exact = steps * self.period.ms
        if self.period.is_exact:
            return _within_calendar(self.anchor + exact)
        local = _moved(self.local, months=steps * self.period.months, days=steps * self.period.days)
        if local is None:
            return ()
        seconds, fraction = divmod(local, 1000)
        instants = instants_of(self.timezone, seconds, gap=gap, fold=fold)
        return tuple(due for at in instants for due in _within_calendar(at * 1000 + fraction + exact))


@lru_cache(maxsize=4096)
def parse_repeat(text: str, timezone: str = "UTC") -> Repeat:
    """Return the parsed interval; ValueError says what is wrong and what is allowed."""
    head, *rest = text.strip().split("/")
    match = _HEAD.fullmatch(head)
    if match is None or not 1 <= len(rest) <= 2 or not rest[0]:
        raise ValueError(
            f"{text[:100]!r} is not a repeating interval; allowed are R/start/duration, R/start/end and "
            "R/duration/end, such as R/2026-01-01T00:00:00Z/P1M, with R5 for five runs"
        )
    count = int(match[1]) if match[1] else None
    if count is not None and not 1 <= count <= MAX_REPEATS:
        raise ValueError(f"R{count} is not allowed; the number of runs is from 1 to {MAX_REPEATS}")
    first, second = rest[0], rest[1] if len(rest) == 2 else ""
    backwards = first.startswith("P")
    anchor, local = _instant(second if backwards else first, timezone)
    period = _period(first if backwards else second, anchor, timezone)
    if period.is_zero:
        if backwards or (count or 1) > 1:
            raise ValueError(f"{text[:100]!r} repeats without time between; the duration must be longer than zero")
        count = 1
    elif period.is_exact and period.ms < MIN_PERIOD_MS:
        raise ValueError(f"the duration must be at least {MIN_PERIOD_MS} milliseconds")
    return Repeat(anchor=anchor, local=local, timezone=timezone, period=period, count=count, backwards=backwards)


def next_repeat(repeat: Repeat, after: int, *, gap: Gap, fold: Fold) -> int | None:
    """Return the first due time strictly after `after` (milliseconds), None when no run is left."""
    if repeat.backwards:
        return _next_backwards(repeat, after, gap, fold)
    last = None if repeat.count is None else repeat.count - 1
    if repeat.period.is_zero:
        return repeat.anchor if repeat.anchor > after else None
    k = max(0, (after - repeat.anchor) // _mean_ms(repeat.period) - 4)
    for steps in range(k, k + 12):  # clamped months, leap years and clock changes move a run by less than four periods
        if last is not None and steps > last:
            return None
        for due in repeat.due_times(steps, gap, fold):
            if due > after:
                return due
    return None


def _next_backwards(repeat: Repeat, after: int, gap: Gap, fold: Fold) -> int | None:
    if repeat.anchor <= after:
        return None
    k = (repeat.anchor - after) // _mean_ms(repeat.period) + 4
    if repeat.count is not None:
        k = min(k, repeat.count - 1)
    for steps in range(k, -1, -1):
        for due in repeat.due_times(steps, gap, fold):
            if due > after:
                return due
    return None


def _mean_ms(period: Duration) -> int:
    return period.months * MONTH_MS + period.days * DAY_MS + period.ms


def _period(text: str, anchor: int, timezone: str) -> Duration:
    if not text or text.startswith("P"):
        return parse_duration(text) if text else Duration()
    end, _ = _instant(text, timezone)
    if end <= anchor:
        raise ValueError(f"the end {text!r} must be later than the start")
    return Duration(ms=end - anchor)


def _instant(text: str, timezone: str) -> tuple[int, int]:
    """Return a time as instant and as seen on the wall clock; without an offset it is meant on that clock."""
    if _ZONED.fullmatch(text):
        instant = parse_rfc3339(text)
        return instant, instant + offset_at(timezone, instant // 1000) * 1000
    local = parse_rfc3339(f"{text}Z")
    seconds, fraction = divmod(local, 1000)
    (instant,) = instants_of(timezone, seconds, gap="run_after", fold="first")
    return instant * 1000 + fraction, local


def _moved(local: int, *, months: int, days: int) -> int | None:
    """Return a clock time moved by whole months (the day clamped to the month's last) and then by days."""
    whole, rest = divmod(local, DAY_MS)
    day = _FIRST_DAY + timedelta(days=whole)
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if not 2 <= year <= 9998:
        return None
    last = calendar.monthrange(year, month + 1)[1]
    moved = date(year, month + 1, min(day.day, last)).toordinal() - _FIRST_DAY.toordinal() + days
    return moved * DAY_MS + rest if abs(moved) < 2_900_000 else None


def _within_calendar(due: int) -> tuple[int, ...]:
    return (due,) if MIN_MS <= due <= MAX_MS else ()
