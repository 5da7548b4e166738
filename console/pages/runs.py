"""The page of runs, newest first."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query, Request
from starlette.responses import Response

from console.api.identity import Asking
from console.api.parts import Given
from console.api.requests import Cursor
from console.api.routing import new_router
from console.pages.showing import show
from console.pages.waits import waits_of
from rota.states import OPEN, RunState
from store.queries import runs

router = new_router(prefix="", in_schema=False)

_PAGE = 100
_FILTERS = {"all": (), "open": tuple(sorted(OPEN)), "failed": (RunState.FAILED,), "skipped": (RunState.SKIPPED,)}

Filter = Literal["all", "open", "failed", "skipped"]


@router.get("/runs")
def runs_page(
    request: Request,
    parts: Given,
    who: Asking,
    *,
    tab: Filter = "all",
    job: Annotated[str, Query(max_length=200)] = "",
    cursor: Cursor = None,
) -> Response:
    """Show runs, of all jobs or of one."""
    with parts.store.reading() as conn:
        found = runs.list_runs(conn, job=job or None, states=_FILTERS[tab], owner=who.owner, cursor=cursor, limit=_PAGE)
        waits = waits_of(conn, found.items, parts.clock.now_ms())
    context = {"runs": found.items, "waits": waits, "next": found.next, "tab": tab, "job": job, "cursor": cursor}
    return show(request, "runs.html", who, **context)
