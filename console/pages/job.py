"""The page of one job: history, next ticks, definition."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Request
from starlette.responses import Response

from console.api.definitions import find
from console.api.identity import Asking
from console.api.parts import Given
from console.api.routing import new_router
from console.api.upcoming import next_ticks
from console.api.wording import schedule_words
from console.pages.showing import show
from rota.times import parse_rfc3339
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
def job_page(request: Request, name: str, parts: Given, who: Asking) -> Response:
    """Show a job."""
    record = find(parts, who, name)
    with parts.store.reading() as conn:
        history = runs.list_runs(conn, job=name, limit=_HISTORY)
    job = record.job()
    ticks = next_ticks(job, parts.clock.now_ms(), _TICKS) if record.enabled else []
    return show(
        request,
        "job.html",
        who,
        job=record,
        params=job.params,
        schedule=schedule_words(record.definition.get("triggers", ())),
        ticks=[(parse_rfc3339(tick.due), tick.trigger) for tick in ticks],
        runs=history.items,
        more=history.next,
        bars=bars_of(history.items),
    )


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
