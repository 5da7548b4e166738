"""Time zones as stretches of constant offset, so that schedules count in seconds and never in zoned datetimes.

Arithmetic on zoned datetimes ignores clock changes, which is how schedulers come to run twice, never, or at times that
do not exist. Here a zone is only ever asked for its offset at an instant of UTC.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from rota.problems import allowed_names
from rota.times import EPOCH

Gap = Literal["run_after", "skip"]
Fold = Literal["first", "both"]

DAY_SECONDS = 86_400
LAST_YEAR = 9998
"""The last year whose every hour exists as a datetime in every zone."""


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
    # The folders hold copies with leap seconds, and names that mean something else on each machine.
    if not name.startswith(("right/", "posix/")) and name not in ("localtime", "posixrules", "Factory"):
        try:
            return ZoneInfo(name)
        except (OSError, ValueError, KeyError):
            pass
    raise ValueError(f"{name[:80]!r} is not a time zone; {allowed_names(name[:80], available_timezones())}")


def offset_at(name: str, instant: int) -> int:
    """Return the offset from UTC, in seconds, that a zone has at an instant in seconds."""
    return _offset(zone(name), instant)


def stretches_from(name: str, instant: int) -> Iterator[Stretch]:
    """Yield the stretches of a zone in order, from the one that holds `instant`; they are cut at each new year."""
    year = (EPOCH + timedelta(seconds=instant)).year
    if year > LAST_YEAR:
        return
    first = stretches(name, year)
    yield from first[bisect_right(first, instant, key=lambda stretch: stretch.start) - 1 :]
    for following in range(year + 1, LAST_YEAR + 1):
        yield from stretches(name, following)


@lru_cache(maxsize=4096)
def stretches(name: str, year: int) -> tuple[Stretch, ...]:
    """Return the stretches of a zone within one year of UTC."""
    where = zone(name)
    start = _seconds(datetime(year, 1, 1, tzinfo=UTC))
    end = _seconds(datetime(year + 1, 1, 1, tzinfo=UTC))
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
    where = zone(name)
    clock = (EPOCH + timedelta(seconds=local)).replace(tzinfo=where)
    first, second = (_whole(clock.replace(fold=which).utcoffset()) for which in (0, 1))
    if first == second:
        return (local - first,)
    if first > second:
        return (local - first, local - second) if fold == "both" else (local - first,)
    return (_first_change(where, local - second, local - first),) if gap == "run_after" else ()


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
    return _whole((EPOCH + timedelta(seconds=instant)).astimezone(where).utcoffset())


def _seconds(moment: datetime) -> int:
    return _whole(moment - EPOCH)


def _whole(delta: timedelta | None) -> int:
    assert delta is not None
    return delta.days * DAY_SECONDS + delta.seconds
