"""Times in queries: `2026-01`, `2025..2026-03-15`, `>2026-01-01`, `today`, `7d` and `>P6M`.

Every way to write a time means a stretch: a year, a month, a day, a minute, a second, or one millisecond. A comparison
is with the whole stretch: `>2026` is 2027 and later, `>=2026` is 2026 and later. A duration is an age, so it compares
the other way round: `<7d` is younger than seven days, `>7d` older, and alone it is the same as `<=7d`.
"""

from __future__ import annotations

import re
from datetime import date

from rota.repeats import moved
from rota.search.query import Modified
from rota.times import DAY_MS, Duration, parse_duration, parse_rfc3339, to_datetime, to_ms
from rota.zones import offset_at
from rota.zones import zone as zone_named

FIRST_YEAR, LAST_YEAR = 1900, 2999
"""What a query may name; no file system knows earlier times, and nothing computed from them leaves the calendar."""

_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?", re.ASCII)
_TIME = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d(?P<second>:\d\d(?P<fraction>\.\d{1,3})?)?(?P<zone>[Zz]|[+-]\d\d:\d\d)?", re.ASCII
)
_AGE = re.compile(r"(\d{1,6})(min|h|d|w|mo|y)", re.ASCII | re.IGNORECASE)
_ISO_UNITS = {"min": "PT{}M", "h": "PT{}H", "d": "P{}D", "w": "P{}W", "mo": "P{}M", "y": "P{}Y"}
_COMPARED = re.compile(r"(>=|<=|>|<)?(.*)", re.DOTALL)
_FLIPPED = {">": "<", ">=": "<=", "<": ">", "<=": ">="}
_ALLOWED = (
    "write modified:2026-01, modified:2025..2026-03-15, modified:>=2026-01-15T08:30, modified:today, modified:yesterday"
    " or an age such as modified:7d (units min, h, d, w, mo, y), modified:>P6M"
)

Stretch = tuple[int, int]
"""From the first millisecond on, and before the second."""


def parse_modified(text: str, *, now_ms: int, zone: str) -> Modified:
    """Return which times are meant; ValueError says what is allowed.

    Days begin when they do in the zone, and a time without an offset is one of its clock. An age is counted from now
    on: months and years by the calendar, days as 24 hours.
    """
    low, dots, high = text.partition("..")
    if dots:
        return _range(low, high, now_ms, zone)
    match = _COMPARED.fullmatch(text)
    assert match is not None
    begin, end = _stretch(match[2], now_ms, zone)
    sign = match[1]
    if _age(match[2]) is not None:
        sign = _FLIPPED[sign or "<="]
    match sign:
        case ">":
            return Modified(since=end)
        case ">=":
            return Modified(since=begin)
        case "<":
            return Modified(until=begin)
        case "<=":
            return Modified(until=end)
    return Modified(since=begin, until=end)


def _range(low: str, high: str, now_ms: int, zone: str) -> Modified:
    if not low and not high:
        raise ValueError(f"a range needs a time at one end at least; {_ALLOWED}")
    since = _stretch(low, now_ms, zone)[0] if low else None
    until = _stretch(high, now_ms, zone)[1] if high else None
    if since is not None and until is not None and since >= until:
        raise ValueError("the range ends before it begins; write the earlier time first")
    return Modified(since=since, until=until)


def _stretch(text: str, now_ms: int, zone: str) -> Stretch:
    age = _age(text)
    if age is not None:
        at = _before(now_ms, age, zone)
        return at, at + 1
    word = text.lower()
    if word in ("today", "yesterday"):
        today = _day_of(now_ms, zone) - (word == "yesterday")
        return _day(today, zone), _day(today + 1, zone)
    match = _DATE.fullmatch(text)
    if match:
        return _dates(text, match, zone)
    match = _TIME.fullmatch(text)
    if match:
        return _times(text, match, zone)
    raise ValueError(f"{text!r} is no time; {_ALLOWED}")


def _dates(text: str, match: re.Match[str], zone: str) -> Stretch:
    year, month, day = (1 if part is None else int(part) for part in match.groups())
    _check_year(year)
    try:
        begin = date(year, month, day)
    except ValueError as error:
        raise ValueError(f"{text} is not in the calendar") from error
    if match[3]:
        end = begin.toordinal() + 1
    elif match[2]:
        end = date(year + month // 12, month % 12 + 1, 1).toordinal()
    else:
        end = date(year + 1, 1, 1).toordinal()
    return _day(begin.toordinal(), zone), _day(end, zone)


def _times(text: str, match: re.Match[str], zone: str) -> Stretch:
    # In UTC the first and the last of these years reach into their neighbours.
    _check_year(int(text[:4]), around=1 if match["zone"] else 0)
    bare = text[: match.start("zone")] if match["zone"] else text
    exact = bare if match["second"] else f"{bare}:00"
    length = 1 if match["fraction"] else 1000 if match["second"] else 60_000
    try:
        at = parse_rfc3339(f"{exact}{match['zone'] or 'Z'}")
    except ValueError as error:
        raise ValueError(f"{text} is not in the calendar") from error
    if not match["zone"]:
        at = _instant(at, zone)
    return at, at + length


def _check_year(year: int, *, around: int = 0) -> None:
    if not FIRST_YEAR - around <= year <= LAST_YEAR + around:
        raise ValueError(f"the year {year:04} is not one of {FIRST_YEAR} to {LAST_YEAR}")


def _age(text: str) -> Duration | None:
    """Return the age that a text says, None if it is no age at all."""
    short = _AGE.fullmatch(text)
    try:
        return parse_duration(_ISO_UNITS[short[2].lower()].format(short[1]) if short else text.upper())
    except ValueError:
        return None


def _before(now_ms: int, age: Duration, zone: str) -> int:
    at = now_ms
    if age.months:
        local = moved(now_ms + offset_at(zone, now_ms // 1000) * 1000, months=-age.months, days=0)
        at = _MIN if local is None else _instant(local, zone)
    at -= age.days * DAY_MS + age.ms
    if at < _MIN:
        raise ValueError(f"this is longer ago than the year {FIRST_YEAR}")
    return at


def _day_of(at: int, zone: str) -> int:
    return (at + offset_at(zone, at // 1000) * 1000) // DAY_MS + _EPOCH_DAY


def _day(ordinal: int, zone: str) -> int:
    """Return when a day begins."""
    return _instant((ordinal - _EPOCH_DAY) * DAY_MS, zone)


def _instant(local: int, zone: str) -> int:
    """Return when the clock of a zone shows this first; a time that is left out counts as if the clock went on."""
    return to_ms(to_datetime(local).replace(tzinfo=zone_named(zone)))


_EPOCH_DAY = date(1970, 1, 1).toordinal()
_MIN = (date(FIRST_YEAR, 1, 1).toordinal() - _EPOCH_DAY) * DAY_MS
