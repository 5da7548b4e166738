"""Slow and simple schedules, written from the rules alone: they look at every minute and every day, and know no library.

What a clock shows is asked of zoneinfo, one instant at a time; nothing here comes from the code under test.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

NAMES = {
    name: n
    for n, name in enumerate(["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"], 1)
} | {name: n for n, name in enumerate(["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"])}
MINUTE = timedelta(minutes=1)


@lru_cache(maxsize=1000)
def values(field: str, low: int, high: int) -> frozenset[int]:
    found: set[int] = set()
    for term in field.split(","):
        span, _, step = term.partition("/")
        if span == "*":
            first, last = low, high
        elif "-" in span:
            first, last = (number(part) for part in span.split("-"))
        else:
            first = number(span)
            last = high if step else first
        if first > last:  # over the end: Saturday is followed by Sunday, 0 and not 7
            turn = list(range(first, 7 if high == 7 else high + 1)) + list(range(low, last + 1))
        else:
            turn = list(range(first, last + 1))
        found.update(turn[:: int(step or 1)])
    return frozenset(found)


def number(text: str) -> int:
    return NAMES[text] if text in NAMES else int(text)


@lru_cache(maxsize=100_000)
def day_matches(day: date, dom: str, month: str, dow: str) -> bool:
    if day.month not in values(month, 1, 12):
        return False
    by_date = any(date_matches(day, term) for term in dom.split(","))
    by_weekday = any(weekday_matches(day, term) for term in dow.split(","))
    if dom.startswith("*") or dow.startswith("*"):
        return by_date and by_weekday
    return by_date or by_weekday


def comes(expression: str) -> bool:
    """Say whether any day matches: the 29th is never a third Sunday. Weekdays and leap years go round in 28 years."""
    first = date(2000, 1, 1)
    *_, dom, month, dow = expression.split()
    return any(day_matches(first + timedelta(days=n), dom, month, dow) for n in range(28 * 366))


def date_matches(day: date, term: str) -> bool:
    length = calendar.monthrange(day.year, day.month)[1]
    if term == "LW":
        workdays = [d for d in range(1, length + 1) if day.replace(day=d).isoweekday() < 6]
        return day.day == workdays[-1]
    if term.startswith("L"):
        return day.day == length - int(term[2:] or 0)
    return day.day in values(term, 1, 31)


def weekday_matches(day: date, term: str) -> bool:
    length = calendar.monthrange(day.year, day.month)[1]
    weekday = day.isoweekday() % 7
    if term.endswith("L"):
        return weekday == number(term[:-1]) % 7 and day.day + 7 > length
    if "#" in term:
        name, nth = term.split("#")
        return weekday == number(name) % 7 and (day.day - 1) // 7 + 1 == int(nth)
    return weekday in {value % 7 for value in values(term, 0, 7)}


class Shown(NamedTuple):
    """The instants whose clock time matches, first and second times apart, and those right after a matching gap."""

    first: list[datetime]
    again: list[datetime]
    after_gap: list[datetime]


def wall_matches(wall: datetime, expression: str) -> bool:
    second, minute, hour, dom, month, dow = ["0", *expression.split()][-6:]
    return (
        wall.minute in values(minute, 0, 59)
        and wall.hour in values(hour, 0, 23)
        and wall.second in values(second, 0, 59)
        and day_matches(wall.date(), dom, month, dow)
    )


def due_times(
    expression: str,
    zone: str,
    start: datetime,
    end: datetime,
    *,
    gap: str = "run_after",
    fold: str = "first",
    step: timedelta = MINUTE,
) -> list[datetime]:
    """Return all due times in [start, end), looking at every `step`."""
    minute, hour = expression.split()[-5:-3]
    fixed = not minute.startswith("*") and not hour.startswith("*")
    shown = shown_times(expression, zone, start, end, step)
    found = set(shown.first)
    if fold == "both" or not fixed:
        found.update(shown.again)
    if fixed and gap == "run_after":
        found.update(shown.after_gap)
    return sorted(found)


@lru_cache(maxsize=2)
def shown_times(expression: str, zone: str, start: datetime, end: datetime, step: timedelta) -> Shown:
    first: list[datetime] = []
    again: list[datetime] = []
    for moment, wall, first_time in walls(zone, start, end, step):
        if wall_matches(wall, expression):
            (first if first_time else again).append(moment)
    after_gap = [
        moment
        for moment, missing in gaps(zone, start, end, step)
        if any(wall_matches(wall, expression) for wall in missing)
    ]
    return Shown(first, again, after_gap)


@lru_cache(maxsize=4)
def walls(zone: str, start: datetime, end: datetime, step: timedelta) -> list[tuple[datetime, datetime, bool]]:
    """Return each step, what the clock shows, and whether it shows it for the first time."""
    where = ZoneInfo(zone)
    moments = [start + n * step for n in range((end - start) // step)]
    locals_ = [moment.astimezone(where) for moment in moments]
    return [(moment, at.replace(tzinfo=None), at.fold == 0) for moment, at in zip(moments, locals_, strict=True)]


def gaps(zone: str, start: datetime, end: datetime, step: timedelta) -> Iterator[tuple[datetime, list[datetime]]]:
    """Yield the first step after each gap, and the clock times that were left out."""
    for (_, before, _), (moment, here, _) in pairwise(walls(zone, start, end, step)):
        expected = before + step
        if here > expected:
            yield moment, [expected + n * step for n in range((here - expected) // step)]


def daily_times(
    expression: str, zone: str, first: date, last: date, *, gap: str = "run_after", fold: str = "first"
) -> list[datetime]:
    """Return all due times on the days from `first` to `last` of the zone; the expression names fixed times."""
    minute, hour, dom, month, dow = expression.split()
    times = [(h, m) for h in values(hour, 0, 23) for m in values(minute, 0, 59)]
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return sorted(
        {
            moment
            for day in days
            if day_matches(day, dom, month, dow)
            for h, m in times
            for moment in instants(zone, datetime(day.year, day.month, day.day, h, m), gap=gap, fold=fold)  # noqa: DTZ001
        }
    )


def repeat_times(
    anchor: datetime,
    zone: str,
    numbers: Iterable[int],
    *,
    months: int = 0,
    days: int = 0,
    exact: timedelta = timedelta(),
    gap: str = "run_after",
    fold: str = "first",
) -> list[datetime]:
    """Return when the numbered runs are due, the anchor being run 0: an instant, or a clock time of the zone."""
    wall = anchor if anchor.tzinfo is None else anchor.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    found: set[datetime] = set()
    for n in numbers:
        if n == 0 and anchor.tzinfo is not None:
            found.add(anchor)
        elif not months and not days:
            begin = anchor if anchor.tzinfo is not None else instants(zone, anchor, gap="run_after", fold="first")[0]
            found.add(begin + n * exact)
        else:
            moved = months_later(wall, n * months) + timedelta(days=n * days)
            found.update(moment + n * exact for moment in instants(zone, moved, gap=gap, fold=fold))
    return sorted(found)


def months_later(wall: datetime, months: int) -> datetime:
    year, month = wall.year, wall.month
    for _ in range(abs(months)):
        month += 1 if months > 0 else -1
        if month in (0, 13):
            year, month = (year - 1, 12) if month == 0 else (year + 1, 1)
    day = min(wall.day, calendar.monthrange(year, month)[1])
    return wall.replace(year=year, month=month, day=day)


@lru_cache(maxsize=100_000)
def instants(zone: str, wall: datetime, *, gap: str, fold: str) -> list[datetime]:
    """Return when the clock of a zone shows a time, tried with every offset that it has around then."""
    where, about = ZoneInfo(zone), wall.replace(tzinfo=UTC)
    offsets = {(about + timedelta(hours=hours)).astimezone(where).utcoffset() for hours in range(-26, 27, 2)}
    tried = sorted(about - offset for offset in offsets if offset is not None)
    found = [moment for moment in tried if moment.astimezone(where).replace(tzinfo=None) == wall]
    if found:
        return found if fold == "both" else found[:1]
    if gap == "skip":
        return []
    moment = (about - timedelta(hours=26)).replace(second=0, microsecond=0)
    while moment.astimezone(where).replace(tzinfo=None) <= wall:
        moment += MINUTE
    return [moment]


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)
