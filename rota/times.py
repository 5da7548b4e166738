"""Times and durations as text: RFC 3339 and ISO 8601 outside, integer milliseconds inside."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

SECOND_MS = 1000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
WEEK_MS = 7 * DAY_MS

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MIN_MS = -62_135_596_800_000
"""The first millisecond of year 1: what a datetime can hold."""
MAX_MS = 253_402_300_799_999
"""The last millisecond of year 9999."""

_RFC3339 = re.compile(r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?([Zz]|([+-])(\d\d):(\d\d))", re.ASCII)
_DURATION = re.compile(
    r"P(?=[\dT])"
    r"(?:(?P<years>\d{1,9})Y)?(?:(?P<months>\d{1,9})M)?(?:(?P<weeks>\d{1,9})W)?(?:(?P<days>\d{1,9})D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d{1,9})H)?(?:(?P<minutes>\d{1,9})M)?(?:(?P<seconds>\d{1,12}(?:[.,]\d{1,9})?)S)?)?",
    re.ASCII,
)


def to_datetime(ms: int) -> datetime:
    """Return the instant as an aware datetime in UTC; ValueError outside of the years 1 to 9999."""
    if not MIN_MS <= ms <= MAX_MS:
        raise ValueError(f"{ms} ms is outside of the years 1 to 9999")
    return EPOCH + timedelta(milliseconds=ms)


def to_ms(moment: datetime) -> int:
    """Return an aware datetime in milliseconds since 1970, fractions cut off towards the past."""
    return (moment - EPOCH) // timedelta(milliseconds=1)


def rfc3339(ms: int) -> str:
    """Return an instant as RFC 3339 in UTC with milliseconds: `2026-01-01T00:00:00.000Z`."""
    return to_datetime(ms).isoformat(timespec="milliseconds")[:23] + "Z"


def parse_rfc3339(text: str) -> int:
    """Return the milliseconds of an RFC 3339 time; the offset is required, digits beyond milliseconds are cut off.

    A leap second counts as the second after it, as everywhere in Unix time. ValueError says what is wrong.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a time like 2026-01-31T18:00:00Z or 2026-01-31T18:00:00.000+01:00")
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    leap = 1 if second == 60 else 0
    try:
        moment = datetime(year, month, day, hour, minute, second - leap, tzinfo=UTC)
    except ValueError as error:
        raise ValueError(f"{text!r} is not a time: {error}") from error
    fraction = int((match[7] or "").ljust(3, "0")[:3])
    offset = 0
    if match[9]:
        if int(match[10]) > 23 or int(match[11]) > 59:
            raise ValueError(f"{text!r} is not a time: the offset must be below 24 hours")
        offset = (int(match[10]) * 60 + int(match[11])) * MINUTE_MS * (-1 if match[9] == "-" else 1)
    ms = to_ms(moment) + leap * SECOND_MS + fraction - offset
    if not MIN_MS <= ms <= MAX_MS:
        raise ValueError(f"{text!r} is outside of the years 1 to 9999")
    return ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Duration:
    """An ISO 8601 duration in its three parts, which behave differently in a calendar.

    Months vary in length, days vary by the hour of a clock change, and `ms` (hours, minutes, seconds) never varies.
    """

    months: int = 0
    days: int = 0
    ms: int = 0

    @property
    def is_zero(self) -> bool:
        """Whether nothing passes."""
        return not (self.months or self.days or self.ms)

    @property
    def is_exact(self) -> bool:
        """Whether it has hours, minutes and seconds only, so that no calendar is needed."""
        return not (self.months or self.days)


@lru_cache(maxsize=4096)
def parse_duration(text: str) -> Duration:
    """Return the parts of an ISO 8601 duration such as `P1M`, `P30D` or `PT1H30M`; ValueError says what is wrong."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not an ISO 8601 duration such as PT15M, PT1H30M, P30D or P1M")
    part = {name: int(value or 0) for name, value in match.groupdict().items() if name != "seconds"}
    whole, _, fraction = (match["seconds"] or "0").replace(",", ".").partition(".")
    ms = int(whole) * SECOND_MS + int(fraction.ljust(3, "0")[:3] or 0)
    duration = Duration(
        months=part["years"] * 12 + part["months"],
        days=part["weeks"] * 7 + part["days"],
        ms=part["hours"] * HOUR_MS + part["minutes"] * MINUTE_MS + ms,
    )
    if duration.months > 120_000 or duration.days * DAY_MS + duration.ms > MAX_MS:
        raise ValueError(f"{text!r} is longer than any calendar")
    if duration.is_zero and fraction.strip("0"):
        raise ValueError(f"{text!r} is shorter than a millisecond")
    return duration


def duration_ms(text: str) -> int:
    """Return the milliseconds of an ISO 8601 duration of fixed length: weeks, days of 24 hours, H, M, S.

    Years and months are refused, because they have no fixed length.
    """
    duration = parse_duration(text)
    if duration.months:
        raise ValueError(f"{text!r} has no fixed length: use weeks, days, hours, minutes or seconds")
    return duration.days * DAY_MS + duration.ms


def iso_duration(ms: int) -> str:
    """Return milliseconds as an ISO 8601 duration: `PT15M`, `P1DT2H`, `PT0.250S`, `PT0S`."""
    if ms < 0:
        raise ValueError("a duration is never negative")
    days, rest = divmod(ms, DAY_MS)
    hours, rest = divmod(rest, HOUR_MS)
    minutes, rest = divmod(rest, MINUTE_MS)
    seconds, fraction = divmod(rest, SECOND_MS)
    text = "".join(f"{value}{unit}" for value, unit in ((hours, "H"), (minutes, "M")) if value)
    if fraction:
        text += f"{seconds}.{fraction:03d}S"
    elif seconds or not (text or days):
        text += f"{seconds}S"
    return (f"P{days}D" if days else "P") + (f"T{text}" if text else "")
