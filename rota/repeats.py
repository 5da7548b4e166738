"""ISO 8601 repeating intervals in closed form: each run is computed from the anchor, so nothing drifts.

`Rn/…` means n runs in total, `R/…` no end. Three forms: start/duration, start/end (the length between them repeats),
and duration/end (counted back from the end, which is the last run). Hours, minutes and seconds are exact lengths; days,
weeks, months and years follow the clock on the wall in the trigger's time zone, and the 31st is the last day of a
shorter month. A start or end with an offset is that instant whatever the clocks do; without one it is a time on that
clock, and the `dst` rules hold for it.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from rota.times import DAY_MS, MAX_MS, MIN_MS, Duration, parse_duration, parse_rfc3339
from rota.zones import Fold, Gap, instants_of, offset_at

MAX_REPEATS = 10**9
MIN_PERIOD_MS = 100
MONTH_MS = 2_629_746_000
"""The mean length of a month: a 12th of 365.2425 days."""

_HEAD = re.compile(r"R(\d{0,10})", re.ASCII)
_ZONED = re.compile(r".*([Zz]|[+-]\d\d:\d\d)", re.DOTALL)
_FIRST_DAY = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """A parsed repeating interval.

    `anchor` is the instant that runs are counted from, in milliseconds; `local` the same on the wall clock of
    `timezone`. It is `floating` when only that clock time was given and the period is not of exact length. Run n is n
    periods after the anchor; when `backwards`, the anchor is the last run and n is never positive. `count` of None
    means without end.
    """

    anchor: int
    local: int
    floating: bool
    timezone: str
    period: Duration
    count: int | None
    backwards: bool

    @property
    def mean_ms(self) -> int:
        """The mean length of the period in milliseconds."""
        return self.period.months * MONTH_MS + self.period.days * DAY_MS + self.period.ms

    @property
    def numbers(self) -> range:
        """The numbers of its runs, at most as far as the calendar goes."""
        if self.period.is_zero:
            return range(1)
        away = self.anchor - MIN_MS if self.backwards else MAX_MS - self.anchor
        most = away // self.mean_ms + 2
        count = most if self.count is None else min(self.count, most)
        return range(1 - count, 1) if self.backwards else range(count)

    def due_times(self, n: int, gap: Gap, fold: Fold) -> tuple[int, ...]:
        """Return when run n is due: usually once, never or twice when the clocks change then."""
        exact = n * self.period.ms
        if not self.floating and (n == 0 or self.period.is_exact):
            return _within_calendar(self.anchor + exact)
        local = moved(self.local, months=n * self.period.months, days=n * self.period.days)
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
        raise ValueError(f"R{count} is not allowed; the number of runs is from 1 to {MAX_REPEATS}; R alone has no end")
    first, second = rest[0], rest[1] if len(rest) == 2 else ""
    backwards = first.startswith("P")
    anchor_text = second if backwards else first
    anchor, local = _instant(anchor_text, timezone)
    period = _period(first if backwards else second, anchor, timezone)
    if period.is_zero:
        if backwards or (count or 1) > 1:
            raise ValueError(f"{text[:100]!r} repeats without time between; the duration must be longer than zero")
        count = 1
    elif period.is_exact and period.ms < MIN_PERIOD_MS:
        raise ValueError(f"the duration must be at least {MIN_PERIOD_MS} milliseconds")
    return Repeat(
        anchor=anchor,
        local=local,
        floating=not _ZONED.fullmatch(anchor_text) and (period.is_zero or not period.is_exact),
        timezone=timezone,
        period=period,
        count=count,
        backwards=backwards,
    )


def next_repeat(repeat: Repeat, after: int, *, gap: Gap, fold: Fold) -> int | None:
    """Return the first due time strictly after `after` (milliseconds), None when no run is left."""
    numbers = repeat.numbers
    estimate = (after - repeat.anchor) // repeat.mean_ms if repeat.mean_ms else 0
    n = min(max(estimate, numbers[0]), numbers[-1])
    # Months of unequal length and clock changes put a run a little off its mean place.
    while n > numbers[0] and not _begun(repeat.due_times(n, gap, fold), after):
        n -= 1
    for number in range(n, numbers.stop):
        for due in repeat.due_times(number, gap, fold):
            if due > after:
                return due
    return None


def moved(local: int, *, months: int, days: int) -> int | None:
    """Return a clock time moved by whole months (the day clamped to the month's last) and then by days.

    None if no calendar has that day.
    """
    day, rest = divmod(local, DAY_MS)
    ordinal = day + _FIRST_DAY
    if months:
        start = date.fromordinal(ordinal)
        year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
        if not date.min.year <= year <= date.max.year:
            return None
        last = calendar.monthrange(year, month + 1)[1]
        ordinal = date(year, month + 1, min(start.day, last)).toordinal()
    ordinal += days
    return (ordinal - _FIRST_DAY) * DAY_MS + rest if 1 <= ordinal <= date.max.toordinal() else None


def _begun(due_times: tuple[int, ...], after: int) -> bool:
    return bool(due_times) and due_times[0] <= after


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
        local = instant + offset_at(timezone, instant // 1000) * 1000
        instants: tuple[int, ...] = (instant,)
    else:
        local = _wall_clock(text)
        seconds, fraction = divmod(local, 1000)
        instants = tuple(at * 1000 + fraction for at in instants_of(timezone, seconds, gap="run_after", fold="first"))
    if not instants or not MIN_MS <= local <= MAX_MS:
        raise ValueError(f"{text!r} is outside of the years 1 to 9999 in {timezone}")
    return instants[0], local


def _wall_clock(text: str) -> int:
    try:
        return parse_rfc3339(f"{text}Z")
    except ValueError as error:
        raise ValueError(
            f"{text[:100]!r} is not a time like 2026-01-31T18:00:00Z, or 2026-01-31T18:00:00 on the zone's own clock"
        ) from error


def _within_calendar(due: int) -> tuple[int, ...]:
    return (due,) if MIN_MS <= due <= MAX_MS else ()
