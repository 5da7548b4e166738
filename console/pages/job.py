"""The page of one job: history, next ticks, why it ran or did not, definitions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import Request
from starlette.responses import Response

from console.api.definitions import find
from console.api.identity import Asking
from console.api.parts import Given, Parts
from console.api.routing import new_router
from console.api.upcoming import next_ticks
from console.api.wording import schedule_words
from console.pages.moments import TimeText, ZoneText, field_value, moment_in
from console.pages.policies import OVERLAP_WORDS, rules_of
from console.pages.rendering import wants_part
from console.pages.showing import show
from console.pages.versions import versions_of
from console.pages.waits import waits_of
from rota.times import parse_rfc3339
from rota.triggers import EventTrigger
from scheduler.timing.backfilling import OVERLAP
from scheduler.timing.explaining import MOST_FINDINGS, explain
from store.queries import runs
from store.records import RunRecord

router = new_router(prefix="", in_schema=False)

_HISTORY = 30
_TICKS = 5
_BAR_HEIGHT = 36.0
_LOWEST_BAR = 3.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One run in the picture of the history; `x` and `height` are in the picture's own units."""

    run: RunRecord
    x: int
    height: float


@router.get("/jobs/{name}")
def job_page(
    request: Request, name: str, parts: Given, who: Asking, *, at: TimeText = "", zone: ZoneText = ""
) -> Response:
    """Show a job, and with a time what became of the ticks that were due then."""
    record = find(parts, who, name)
    now = parts.clock.now_ms()
    with parts.store.reading() as conn:
        history = runs.list_runs(conn, job=name, limit=_HISTORY)
        waits = waits_of(conn, history.items, now)
    job = record.job()
    ticks = next_ticks(job, now, _TICKS) if record.enabled else []
    return show(
        request,
        "job.html",
        who,
        job=record,
        params=job.params,
        rules=rules_of(job),
        schedule=schedule_words(record.definition.get("triggers", ())),
        ticks=[(parse_rfc3339(tick.due), tick.trigger) for tick in ticks],
        runs=history.items,
        more=history.next,
        waits=waits,
        timed=any(not isinstance(trigger, EventTrigger) for trigger in job.triggers),
        bars=bars_of(history.items),
        **({} if wants_part(request) else _asked_for(parts, name, at, zone, now)),
    )


def _asked_for(parts: Parts, name: str, at: str, zone: str, now: int) -> dict[str, Any]:
    """Return what does not change while somebody looks: earlier definitions, and why it ran at a time or did not."""
    versions, older = versions_of(parts, name)
    moment = moment_in(at, zone, "at") if at else None
    found = None
    if moment is not None:
        with parts.store.reading() as conn:
            found = explain(conn, name, moment.at, moment.end, now=now)
    return {
        "versions": versions,
        "older": older,
        "zone": zone,
        "at": field_value(None if moment is None else moment.at, zone),
        "asked_at": moment,
        "explanation": found,
        "most_findings": MOST_FINDINGS,
        "overlap": OVERLAP,
        "overlaps": OVERLAP_WORDS,
    }


def bars_of(history: list[RunRecord]) -> list[Bar]:
    """Return the history as bars, oldest first, as high as the run was long."""
    lengths = [_length(run) for run in history]
    longest = max(lengths, default=0) or 1
    shown = zip(reversed(history), reversed(lengths), strict=True)
    return [
        Bar(run, n * 10, round(_LOWEST_BAR + (_BAR_HEIGHT - _LOWEST_BAR) * length / longest, 1))
        for n, (run, length) in enumerate(shown)
    ]


def _length(run: RunRecord) -> int:
    if run.started_at is None or run.ended_at is None:
        return 0
    return max(0, run.ended_at - run.started_at)
