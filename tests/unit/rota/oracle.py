"""A slow and simple cron, written from the rules alone: it looks at every minute and knows no library."""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

NAMES = {
    name: n
    for n, name in enumerate(["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"], 1)
} | {name: n for n, name in enumerate(["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"])}


@lru_cache(maxsize=1000)
def values(field: str, low: int, high: int) -> set[int]:
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
        found.update(range(first, last + 1, int(step or 1)))
    return found


def number(text: str) -> int:
    return NAMES[text] if text in NAMES else int(text)


def day_matches(day: datetime, dom: str, dow: str) -> bool:
    length = calendar.monthrange(day.year, day.month)[1]
    weekday = day.isoweekday() % 7
    if dom == "L":
        by_date = day.day == length
    elif dom == "LW":
        workdays = [d for d in range(1, length + 1) if day.replace(day=d).isoweekday() < 6]
        by_date = day.day == workdays[-1]
    else:
        by_date = day.day in values(dom, 1, 31)
    if dow.endswith("L"):
        by_weekday = weekday == number(dow[:-1]) % 7 and day.day + 7 > length
    elif "#" in dow:
        name, nth = dow.split("#")
        by_weekday = weekday == number(name) % 7 and (day.day - 1) // 7 + 1 == int(nth)
    else:
        by_weekday = weekday in {value % 7 for value in values(dow, 0, 7)}
    if dom.startswith("*") or dow.startswith("*"):
        return by_date and by_weekday
    return by_date or by_weekday


def wall_matches(wall: datetime, expression: str) -> bool:
    minute, hour, dom, month, dow = expression.split()
    return (
        wall.minute in values(minute, 0, 59)
        and wall.hour in values(hour, 0, 23)
        and wall.month in values(month, 1, 12)
        and day_matches(wall, dom, dow)
    )


def due_minutes(
    expression: str, zone: str, start: datetime, end: datetime, *, gap: str = "run_after", fold: str = "first"
) -> list[datetime]:
    """Return all due times in [start, end), both whole minutes of UTC."""
    minute, hour, *_ = expression.split()
    fixed = not minute.startswith("*") and not hour.startswith("*")
    found: set[datetime] = set()
    for moment, wall, first_time in walls(zone, start, end):
        if wall_matches(wall, expression) and (first_time or fold == "both" or not fixed):
            found.add(moment)
    if fixed and gap == "run_after":
        for moment, missing in gaps(zone, start, end):
            if any(wall_matches(wall, expression) for wall in missing):
                found.add(moment)
    return sorted(found)


@lru_cache(maxsize=4)
def walls(zone: str, start: datetime, end: datetime) -> list[tuple[datetime, datetime, bool]]:
    """Return each minute, what the clock shows, and whether it shows it for the first time."""
    where = ZoneInfo(zone)
    moments = [start + timedelta(minutes=n) for n in range((end - start) // timedelta(minutes=1))]
    locals_ = [moment.astimezone(where) for moment in moments]
    return [(moment, at.replace(tzinfo=None), at.fold == 0) for moment, at in zip(moments, locals_, strict=True)]


def gaps(zone: str, start: datetime, end: datetime) -> Iterator[tuple[datetime, list[datetime]]]:
    """Yield the first minute after each gap, and the clock times that were left out."""
    for (_, before, _), (moment, here, _) in pairwise(walls(zone, start, end)):
        expected = before + timedelta(minutes=1)
        if here > expected:
            count = int((here - expected).total_seconds()) // 60
            yield moment, [expected + timedelta(minutes=n) for n in range(count)]


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)
