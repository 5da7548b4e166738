"""Cron expressions: matched on a clock without zone, then placed on the real time line.

An expression whose minute and hour both name times (`30 2 * * *`) is *fixed*: it runs once on each matching day, also
when the clocks change. One whose minute or hour begins with a star (`*/20 * * * *`) follows elapsed time: it runs
whenever a clock on the wall shows a matching time, so twice in the hour that comes twice, and not in the hour that is
left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from rota.cron_fields import FIELDS, Days, next_bit, parse_days, parse_field
from rota.zones import DAY_SECONDS, Fold, Gap, stretch_at

MAX_CRON_CHARS = 200

_MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_INSTEAD = {
    "@every": "for a fixed grid use the trigger every, such as every: PT5M",
    "@reboot": "to start with the system use the trigger event: rota.started",
}
_FIRST_DAY = date(1970, 1, 1).toordinal()
_PROBED_YEARS = range(2000, 2400)  # the calendar repeats every 400 years, weekdays included


@dataclass(frozen=True, slots=True, kw_only=True)
class Cron:
    """A parsed expression; seconds, minutes, hours and months are masks, `fixed` says that it names fixed times."""

    fields: str
    fixed: bool
    seconds: int
    minutes: int
    hours: int
    days: Days
    months: int

    def next_local(self, after: int) -> int | None:
        """Return the first matching second after `after` on a clock without zone, None if the calendar ends before."""
        day, second = divmod(after + 1, DAY_SECONDS)
        time = self._time_from(second)
        found = self._day_from(day if time is not None else day + 1)
        if found is None:
            return None
        return found * DAY_SECONDS + (time if time is not None and found == day else self._first_time())

    def _time_from(self, second: int) -> int | None:
        """Return the first matching second of a day from `second` on."""
        minutes, from_second = divmod(second, 60)
        from_hour, from_minute = divmod(minutes, 60)
        hour = next_bit(self.hours, from_hour)
        if hour == from_hour:
            minute = next_bit(self.minutes, from_minute)
            if minute == from_minute:
                found = next_bit(self.seconds, from_second)
                if found >= 0:
                    return hour * 3600 + minute * 60 + found
                minute = next_bit(self.minutes, from_minute + 1)
            if minute >= 0:
                return hour * 3600 + minute * 60 + next_bit(self.seconds, 0)
            hour = next_bit(self.hours, from_hour + 1)
        return None if hour < 0 else hour * 3600 + self._first_time() % 3600

    def _first_time(self) -> int:
        return next_bit(self.hours, 0) * 3600 + next_bit(self.minutes, 0) * 60 + next_bit(self.seconds, 0)

    def _day_from(self, day: int) -> int | None:
        """Return the first matching day from `day` on; days are counted from 1970-01-01."""
        ordinal = max(1, day + _FIRST_DAY)
        if ordinal > date.max.toordinal():
            return None
        start = date.fromordinal(ordinal)
        year, month, from_day = start.year, start.month, start.day
        while year <= date.max.year:
            if self.months >> month & 1:
                found = next_bit(self.days.of_month(year, month), from_day)
                if found > 0:
                    return date(year, month, found).toordinal() - _FIRST_DAY
            from_day = 1
            month = next_bit(self.months, month + 1)
            if month < 0:
                year, month = year + 1, next_bit(self.months, 1)
        return None


@lru_cache(maxsize=4096)
def parse_cron(text: str) -> Cron:
    """Return the parsed expression; ValueError says which field is wrong and what is allowed in it."""
    if len(text) > MAX_CRON_CHARS:
        raise ValueError(f"has {len(text)} characters, allowed are {MAX_CRON_CHARS}")
    parts = _expanded(text.strip()).upper().split()
    if len(parts) not in (5, 6):
        raise ValueError(
            f"{text!r} has {len(parts)} fields; allowed are five (minute, hour, day of month, month, day of week), "
            "or six with seconds first"
        )
    for at in (-3, -1):
        parts[at] = "*" if parts[at] == "?" else parts[at]
    second, minute, hour, day, month, weekday = ["0", *parts][-6:]
    seconds, minutes, hours = (parse_field(FIELDS[n], part) for n, part in enumerate((second, minute, hour)))
    cron = Cron(
        fields=" ".join(parts),
        fixed=not minute.startswith("*") and not hour.startswith("*"),
        seconds=seconds,
        minutes=minutes,
        hours=hours,
        days=parse_days(day, weekday),
        months=parse_field(FIELDS[4], month),
    )
    if not _ever_comes(cron):
        together = "" if weekday == "*" else f" together with day-of-week {weekday}"
        raise ValueError(f"day-of-month {day} never comes in month {month}{together}")
    return cron


def next_cron(cron: Cron, timezone: str, after: int, *, gap: Gap, fold: Fold) -> int | None:
    """Return the first due second strictly after `after` (seconds, UTC), None when the calendar ends before."""
    searched, found = 0, -1
    stretch = stretch_at(timezone, after)
    while stretch is not None:
        begin = max(after, stretch.start - 1) + stretch.offset
        if stretch.start > after and stretch.before < stretch.offset and found <= begin:
            # What was found is a time that the clocks have just left out.
            if cron.fixed and gap == "run_after":
                return stretch.start
        elif cron.fixed and fold == "first":
            begin = max(begin, stretch.start + stretch.before - 1)
        if not searched <= begin < found:
            following = cron.next_local(begin)
            if following is None:
                return None
            searched, found = begin, following
        if found < stretch.end + stretch.offset:
            return found - stretch.offset
        # Clocks differ by less than a day. A later turning back repeats only times that were searched already, unless
        # it is about to come.
        near = stretch.end <= after + DAY_SECONDS
        stretch = stretch_at(timezone, stretch.end if near else max(stretch.end, found - DAY_SECONDS))
    return None


def _ever_comes(cron: Cron) -> bool:
    return any(
        cron.days.of_month(year, month) for year in _PROBED_YEARS for month in range(1, 13) if cron.months >> month & 1
    )


def _expanded(text: str) -> str:
    if not text.startswith("@"):
        return text
    fields = _MACROS.get(text.lower())
    if fields is None:
        instead = _INSTEAD.get(text.lower().split()[0], "or five or six fields")
        raise ValueError(f"{text!r} is unknown; allowed are {', '.join(sorted(_MACROS))}; {instead}")
    return fields
