"""Cron expressions: parsed by cronsim on a clock without zone, placed on the real time line by our own rules.

An expression whose minute and hour both name times (`30 2 * * *`) is *fixed*: it runs once on each matching day, also
when the clocks change. One with a star in minute or hour (`*/20 * * * *`) follows elapsed time: it runs whenever a
clock on the wall shows a matching time, so twice in the hour that comes twice, and not in the hour that is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from cronsim import CronSim, CronSimError

from rota.zones import Fold, Gap, Stretch, stretches_from

MAX_CRON_CHARS = 200
GIVE_UP_YEARS = 60

_MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_FIELDS = {
    "second": "0-59",
    "minute": "0-59",
    "hour": "0-23",
    "day-of-month": "1-31, L (last day), LW (last weekday)",
    "month": "1-12 or JAN-DEC",
    "day-of-week": "0-7 or SUN-SAT, 5L (last Friday), 5#3 (third Friday)",
}
_SYNTAX = "with * , - and /"
_START = datetime(1970, 1, 1)  # noqa: DTZ001 - a clock on the wall has no zone
_FIRST_PROBE = 1_704_067_200  # 2024-01-01, the start of a leap year


@dataclass(frozen=True, slots=True)
class Cron:
    """A parsed expression: its five or six fields, and whether it names fixed times of the day."""

    fields: str
    fixed: bool
    template: Any

    def next_local(self, after: int) -> int | None:
        """Return the first matching second after `after` on a clock without zone, None if there is none in 50 years."""
        walker = CronSim.__new__(CronSim)
        walker.__dict__.update(self.template.__dict__)
        try:
            walker.dt = _START + timedelta(seconds=after)
            delta = next(walker) - _START
        except (StopIteration, OverflowError, ValueError):  # no match, or beyond year 9999
            return None
        return delta.days * 86_400 + delta.seconds


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
    fields = " ".join(parts)
    try:
        template = CronSim(fields, _START)
    except CronSimError as error:
        raise ValueError(_explained(str(error), parts)) from error
    cron = Cron(fields, fixed=not any(part.startswith("*") for part in parts[-5:-3]), template=template)
    if cron.next_local(_FIRST_PROBE) is None:
        raise ValueError(f"{text!r} never comes: no day of the next 50 years matches")
    return cron


def next_cron(cron: Cron, timezone: str, after: int, *, gap: Gap, fold: Fold) -> int | None:
    """Return the first due second strictly after `after` (seconds, UTC), None if there is none in the years to come."""
    searched, found = 0, -1
    last = after + GIVE_UP_YEARS * 366 * 86_400
    for stretch in stretches_from(timezone, after):
        if stretch.start > last:
            return None
        if cron.fixed and gap == "run_after" and stretch.start > after and _falls_in_gap(cron, stretch):
            return stretch.start
        begin = max(after + stretch.offset, _first_local(cron, stretch, fold) - 1)
        # A search is the dear part: what was found from an earlier clock time still holds if it lies ahead.
        if not searched <= begin < found:
            following = cron.next_local(begin)
            if following is None:
                return None
            searched, found = begin, following
        if found < stretch.end + stretch.offset:
            return found - stretch.offset
    return None


def _first_local(cron: Cron, stretch: Stretch, fold: Fold) -> int:
    """Return the first clock time of a stretch that counts; fixed times count only once when a clock goes back."""
    if cron.fixed and fold == "first":
        return stretch.start + max(stretch.offset, stretch.before)
    return stretch.start + stretch.offset


def _falls_in_gap(cron: Cron, stretch: Stretch) -> bool:
    if stretch.before >= stretch.offset:
        return False
    missing = cron.next_local(stretch.start + stretch.before - 1)
    return missing is not None and missing < stretch.start + stretch.offset


def _expanded(text: str) -> str:
    if not text.startswith("@"):
        return text
    fields = _MACROS.get(text.lower())
    if fields is None:
        raise ValueError(f"{text!r} is unknown; allowed are {', '.join(sorted(_MACROS))}, or five or six fields")
    return fields


def _explained(message: str, parts: list[str]) -> str:
    names = list(_FIELDS)[-len(parts) :]
    name = message.removeprefix("Bad ")
    if name not in names:
        return f"{' '.join(parts)!r} is not a cron expression: {message}"
    part = parts[names.index(name)]
    if name == "day-of-month" and part.isdigit() and 1 <= int(part) <= 31:
        return f"day-of-month {part} never comes in month {parts[-2]}"
    return f"{name} {part!r} is not valid; allowed: {_FIELDS[name]}, {_SYNTAX}"
