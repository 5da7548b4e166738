"""Times that people type into forms: in the zone that the form says, and shown again as they were written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Annotated

from fastapi import Query

from console.api.problems import Problem
from rota.times import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, to_datetime, to_ms
from rota.zones import zone as zone_named

ZONE = "UTC"
"""What a time without an offset is in, unless the form says otherwise: a page without its script knows no other."""

_EXACT = re.compile(r"[T ]\d\d:?\d\d:?\d\d")
_ALLOWED = "write 2026-05-04T08:30, 2026-05-04T08:30:00Z or 2026-05-04"

#: What is left at both ends of the calendar, so that a day later and any zone stay within it.
_MARGIN_MS = 2 * DAY_MS

TimeText = Annotated[str, Query(max_length=40)]
ZoneText = Annotated[str, Query(max_length=60)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A time that somebody wrote, and how exactly: `end` is when the day, the minute or the second is over."""

    at: int
    end: int


def moment_in(text: str, zone: str, field: str) -> Moment:
    """Return a time in milliseconds; without an offset it is in this zone. A Problem says what is wrong with it."""
    where = zone_of(zone)
    try:
        said = datetime.fromisoformat(text.strip())
        at = to_ms(said.replace(tzinfo=where) if said.tzinfo is None else said)
        for near in (at - _MARGIN_MS, at + _MARGIN_MS):
            to_datetime(near)
    except (ValueError, OverflowError) as error:
        raise invalid(field, f"{text!r} is no time; {_ALLOWED}") from error
    if len(text.strip()) <= len("2026-05-04"):
        return Moment(at=at, end=at + DAY_MS)
    return Moment(at=at, end=at + (SECOND_MS if _EXACT.search(text) else MINUTE_MS))


def zone_of(name: str) -> tzinfo:
    """Return a zone by its name; a Problem says that there is none."""
    if not name or name == ZONE:
        return UTC
    try:
        return zone_named(name)
    except ValueError as error:
        raise invalid("zone", str(error)) from error


def field_value(at: int | None, zone: str) -> str:
    """Return a time as a field for date and time takes it, in this zone; empty for none."""
    if at is None:
        return ""
    local = to_datetime(at).astimezone(zone_of(zone)).replace(tzinfo=None)
    return local.isoformat(timespec="minutes" if at % MINUTE_MS == 0 else "seconds")


def hour_of(at: int, zone: str) -> int:
    """Return when the hour of a time began by the clocks of this zone."""
    past = to_datetime(at).astimezone(zone_of(zone))
    return at - (past.minute * MINUTE_MS + past.second * SECOND_MS + at % SECOND_MS) % HOUR_MS


def invalid(field: str, message: str) -> Problem:
    """Return the problem of a field of a form."""
    listed = [{"parameter": field, "path": field, "message": message}]
    return Problem(422, "the form is not valid", name="invalid-request", errors=listed)
