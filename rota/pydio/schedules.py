"""Schedules: `R[n]/start/duration` of Pydio Cells becomes a `repeat` trigger.

Cells counts every duration in seconds from the start, has no time zone, and does not catch up on what it missed.
"""

from __future__ import annotations

import re
from typing import Any

from rota.pydio.reading import Record
from rota.pydio.report import NotCarried, Notes
from rota.repeats import Repeat, parse_repeat
from rota.times import DAY_MS

_SHAPE = re.compile(r"R(?P<count>\d*)/(?P<start>[^/]+)(?:/(?P<length>[^/]*))?", re.ASCII)


def schedule_trigger(schedule: Record, notes: Notes) -> dict[str, Any]:
    """Return the trigger of a job's schedule; NotCarried if Rota does not understand it."""
    place = schedule.at("Iso8601Schedule")
    text = schedule.text("Iso8601Schedule").strip()
    if schedule.has("Iso8601MinDelta"):
        schedule.text("Iso8601MinDelta")
        notes.lost(schedule.at("Iso8601MinDelta"), "is declared in Cells and not used there; left out")
    match = _SHAPE.fullmatch(text)
    if match is None:
        raise NotCarried(f"{text[:100]!r} is not R/start/duration; in Cells it never fires either", "write a trigger")
    number = int(match["count"][:10] or 0)
    if not match["length"] and number != 1:
        raise NotCarried(
            f"{text[:100]!r} repeats without time between; in Cells it never fires either", "write a trigger"
        )
    rewritten = f"R{number or ''}/{match['start']}/{match['length'] or ''}"
    try:
        repeat = parse_repeat(rewritten)
    except ValueError as error:
        raise NotCarried(str(error), "write a trigger") from error
    notes.carried(place, f"repeat: {rewritten}")
    _tell_differences(repeat, match["start"], place, notes)
    return {"repeat": rewritten}


def _tell_differences(repeat: Repeat, start: str, place: str, notes: Notes) -> None:
    period = repeat.period
    if period.is_exact and period.ms and period.ms % DAY_MS == 0:
        days = period.ms // DAY_MS
        notes.changed(
            place,
            f"every {days * 24} hours exactly: where clocks change, its time of day moves by an hour",
            f"if a time of day was meant, write repeat: R/{start}/P{days}D and timezone: with your zone, "
            "such as Europe/Paris",
        )
    elif period.months:
        notes.changed(
            place,
            "Cells waits a fixed number of seconds and leaves the chosen day; Rota keeps it, month by month",
            "add timezone: if the time of day is that of a zone; without one it is UTC",
        )
    elif period.days:
        notes.changed(
            place, "its days follow the clock of a zone, UTC without one", "add timezone: if you meant another"
        )
    if repeat.count is not None and repeat.count > 1:
        notes.changed(place, f"runs {repeat.count} times in total, counted from its start")
