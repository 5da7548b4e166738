"""The page of what is due: the ticks of all jobs in a range, hour by hour."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Query, Request
from starlette.responses import Response

from console.api.identity import Asking
from console.api.parts import Given
from console.api.routing import new_router
from console.api.shapes import JobTickShape
from console.api.upcoming import due_in_all
from console.pages.moments import TimeText, ZoneText, field_value, hour_of, invalid, moment_in
from console.pages.showing import show
from rota.errors import Refused
from rota.times import DAY_MS, parse_rfc3339, rfc3339

router = new_router(prefix="", in_schema=False)

MOST_TICKS = 1000
_SHOWN = 4


@dataclass(slots=True, kw_only=True)
class DueRow:
    """The ticks of one trigger within an hour: the first of them, and how many more there are."""

    job: str
    trigger: str
    times: list[int] = field(default_factory=list)
    more: int = 0

    def add(self, at: int) -> None:
        """Count one more tick."""
        if len(self.times) < _SHOWN:
            self.times.append(at)
        else:
            self.more += 1


@dataclass(slots=True, kw_only=True)
class DueHour:
    """An hour with what is due in it, in the order of the first ticks."""

    at: int
    rows: dict[tuple[str, str], DueRow] = field(default_factory=dict)


@router.get("/upcoming")
def upcoming_page(
    request: Request,
    parts: Given,
    who: Asking,
    *,
    start: Annotated[TimeText, Query(alias="from")] = "",
    until: TimeText = "",
    zone: ZoneText = "",
) -> Response:
    """Show what is due from now on, or in a range; a day unless something else is asked for."""
    now = parts.clock.now_ms()
    begin = moment_in(start, zone, "from").at if start else now
    end = moment_in(until, zone, "until").at if until else begin + DAY_MS
    if end <= begin:
        raise invalid("until", "must be later than from")
    ticks: list[JobTickShape] = []
    said = ""
    try:
        with parts.store.reading() as conn:
            ticks = due_in_all(conn, begin, end, MOST_TICKS + 1, now=now, owner=who.owner)
    except Refused as error:
        said = str(error)
    shown, rest = split_at(ticks, MOST_TICKS)
    context = {
        "hours": grouped(shown, zone),
        "count": len(shown),
        "rest": None if rest is None else rfc3339(rest),
        "begin": begin,
        "end": end,
        "exact_end": rfc3339(end),
        "past": begin < now,
        "start": field_value(begin if start else None, zone),
        "until": field_value(end if until else None, zone),
        "zone": zone,
        "said": said,
    }
    return show(request, "upcoming.html", who, **context)


def split_at(ticks: list[JobTickShape], most: int) -> tuple[list[JobTickShape], int | None]:
    """Return the ticks that are shown, and where the rest begins, None if that is all.

    Ticks that are due together stay together, so that the rest can be asked for by its time; unless they are too many.
    """
    if len(ticks) <= most:
        return ticks, None
    rest = ticks[most].due
    together = [tick for tick in ticks[:most] if tick.due != rest]
    return together or ticks[:most], parse_rfc3339(rest) + (0 if together else 1)


def grouped(ticks: Iterable[JobTickShape], zone: str) -> list[DueHour]:
    """Return ticks hour by hour as the clocks of this zone show them; those of one trigger share a row."""
    hours: dict[int, DueHour] = {}
    for tick in ticks:
        at = parse_rfc3339(tick.due)
        begin = hour_of(at, zone)
        hour = hours.setdefault(begin, DueHour(at=begin))
        row = hour.rows.setdefault((tick.job, tick.trigger), DueRow(job=tick.job, trigger=tick.trigger))
        row.add(at)
    return list(hours.values())
