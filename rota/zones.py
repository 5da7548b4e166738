"""Time zones as stretches of constant offset, so that schedules count in seconds and never in zoned datetimes.

Arithmetic on zoned datetimes ignores clock changes, which is how schedulers come to run twice, never, or at times that
do not exist. Here a zone is only ever asked for its offset at an instant of UTC.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from rota.problems import allowed_names
from rota.times import EPOCH, MAX_MS, MIN_MS

Gap = Literal["run_after", "skip"]
Fold = Literal["first", "both"]

DAY_SECONDS = 86_400
FIRST_SECOND = MIN_MS // 1000
LAST_SECOND = MAX_MS // 1000

# The folders hold copies with leap seconds, and names that mean something else on each machine.
_NO_FOLDERS = ("right/", "posix/")
_NO_ZONES = {"localtime", "posixrules", "Factory"}
_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d\d?)(?::?(\d\d))?", re.IGNORECASE | re.ASCII)


class Stretch(NamedTuple):
    """A stretch of time with one offset from UTC; all values in seconds.

    `start` and `end` are instants, the end excluded. `before` is the offset that held until `start`: a greater one made
    local times happen twice, a smaller one left some out.
    """

    start: int
    end: int
    offset: int
    before: int


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """Return the zone of an IANA name; ValueError with what was probably meant if there is none."""
    if not name.startswith(_NO_FOLDERS) and name not in _NO_ZONES:
        try:
            return ZoneInfo(name)
        except (OSError, ValueError, KeyError):
            pass
    raise ValueError(f"{name[:80]!r} is not a time zone; {_instead(name[:80])}")


def _instead(name: str) -> str:
    known = available_timezones() - _NO_ZONES
    same = [other for other in known if other.casefold() == name.casefold()]
    if same:
        return f"did you mean {same[0]}? Upper and lower case count"
    offset = _OFFSET.fullmatch(name)
    if offset is None:
        return allowed_names(name, known)
    # In these names the sign says how far UTC is from there.
    etc = f"Etc/GMT{'-' if offset[1] == '+' else '+'}{int(offset[2])}"
    if int(offset[3] or 0) == 0 and etc in known:
        return f"the zone with this fixed offset is {etc}, its sign is the other way round"
    return "allowed are names of places; no zone has this fixed offset"


def offset_at(name: str, instant: int) -> int:
    """Return the offset from UTC, in seconds, that a zone has at an instant in seconds."""
    return _offset(zone(name), instant)


def stretch_at(name: str, instant: int) -> Stretch | None:
    """Return the stretch that holds an instant in seconds: the first one if it is too early, None beyond year 9999."""
    if instant > LAST_SECOND:
        return None
    instant = max(instant, FIRST_SECOND)
    found = stretches(name, (EPOCH + timedelta(seconds=instant)).year)
    return found[bisect_right(found, instant, key=_start) - 1]


@lru_cache(maxsize=4096)
def stretches(name: str, year: int) -> tuple[Stretch, ...]:
    """Return the stretches of a zone within one year of UTC."""
    where = zone(name)
    start = _seconds(datetime(year, 1, 1, tzinfo=UTC))
    end = LAST_SECOND + 1 if year == 9999 else _seconds(datetime(year + 1, 1, 1, tzinfo=UTC))
    # No zone has changed its offset there and back within one day.
    probes = [start - 1, *range(start, end, DAY_SECONDS), end - 1]
    changes = [
        _first_change(where, low, high) for low, high in pairwise(probes) if _offset(where, low) != _offset(where, high)
    ]
    starts = sorted({start, *changes})
    return tuple(
        Stretch(begin, until, _offset(where, begin), _offset(where, begin - 1))
        for begin, until in zip(starts, [*starts[1:], end], strict=True)
    )


def instants_of(name: str, local: int, *, gap: Gap, fold: Fold) -> tuple[int, ...]:
    """Return when a wall clock shows `local` (seconds since 1970 on that clock): once, never, or twice.

    A time that is left out counts as the first instant after the gap, or not at all if `gap` is `skip`; of a time that
    comes twice the first one counts, or both if `fold` is `both`.
    """
    found: list[int] = []
    stretch = stretch_at(name, local - DAY_SECONDS)
    while stretch is not None and stretch.start <= local + DAY_SECONDS:
        at = local - stretch.offset
        if stretch.start <= at < stretch.end:
            found.append(at)
        elif not found and local - stretch.before >= stretch.start > at:
            return (stretch.start,) if gap == "run_after" else ()
        if stretch.end > local + DAY_SECONDS:
            break
        stretch = stretch_at(name, stretch.end)
    return tuple(found if fold == "both" else found[:1])


def _first_change(where: ZoneInfo, low: int, high: int) -> int:
    """Return the first instant in (low, high] with another offset than at `low`, which holds at `high` too."""
    before = _offset(where, low)
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(where, middle) == before:
            low = middle
        else:
            high = middle
    return high


def _offset(where: ZoneInfo, instant: int) -> int:
    # On the calendar's first and last day its clock may show a year that no datetime has.
    instant = min(max(instant, FIRST_SECOND + DAY_SECONDS), LAST_SECOND - DAY_SECONDS)
    return _whole((EPOCH + timedelta(seconds=instant)).astimezone(where).utcoffset())


def _start(stretch: Stretch) -> int:
    return stretch.start


def _seconds(moment: datetime) -> int:
    return _whole(moment - EPOCH)


def _whole(delta: timedelta | None) -> int:
    assert delta is not None
    return delta.days * DAY_SECONDS + delta.seconds
