"""The page of one run: steps, attempts, progress, error, result, log."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query, Request
from starlette.responses import Response

from console.api.identity import Asking
from console.api.parts import Given
from console.api.problems import Problem
from console.api.routing import new_router
from console.api.runs import DEEDS, find_run, retry, steer
from console.pages.forms import Filled
from console.pages.notices import Notice, go
from console.pages.outcomes import outcome_of
from console.pages.showing import show
from console.pages.steps import steps_of
from console.pages.waits import waits_of
from rota.errors import Refused
from rota.sealing import shown
from rota.states import TERMINAL, RunState
from store.queries import jobs, runs
from store.records import RunDetail

router = new_router(prefix="", in_schema=False)

_LINES = 500
_DONE = {"cancel": "Cancelling.", "pause": "Pausing.", "resume": "Resumed."}

Level = Literal["debug", "info", "warning", "error"]


@router.get("/runs/{run_id}")
def run_page(
    request: Request,
    run_id: str,
    parts: Given,
    *,
    who: Asking,
    level: Level = "info",
    q: Annotated[str, Query(max_length=200)] = "",
    after: Annotated[int, Query(ge=0)] = 0,
) -> Response:
    """Show a run."""
    find_run(parts, who, run_id)
    with parts.store.reading() as conn:
        detail = runs.run_detail(conn, run_id)
        lines = runs.log(conn, run_id, level=level, q=q or None, after=after, limit=_LINES)
        waits = waits_of(conn, [detail.run], parts.clock.now_ms())
        job = jobs.find(conn, detail.run.job)
    ended = detail.run.state in TERMINAL
    return show(
        request,
        "run.html",
        who,
        run=detail.run,
        params=shown(detail.run.params),
        outcome=outcome_of(detail.run),
        has_job=job is not None and who.owner in (None, job.owner),
        steps=steps_of(detail.tasks),
        lines=lines.items,
        more=lines.next,
        level=level,
        q=q,
        ended=ended,
        wait=waits.get(run_id),
        deeds=_possible(detail),
    )


@router.post("/runs/{run_id}")
def act(run_id: str, parts: Given, who: Asking, form: Filled) -> Response:
    """Cancel, pause, resume or retry a run."""
    deed = form.one("deed")
    here = f"/runs/{run_id}"
    try:
        if deed == "retry":
            return go(f"/runs/{retry(parts, who, run_id).run}", Notice("Started once more."))
        if deed == "retry_failed":
            again = retry(parts, who, run_id, only="failed")
            return go(f"/runs/{again.run}", Notice("Started once more with what failed; the rest is taken over."))
        if deed not in DEEDS:
            raise Problem(400, "the form says nothing that can be done")
        steer(parts, who, run_id, deed)
    except Refused as error:
        return go(here, Notice(f"Not possible: {error}.", good=False))
    return go(here, Notice(_DONE[deed]))


def _possible(detail: RunDetail) -> tuple[str, ...]:
    """Return what can be done with a run in its state."""
    state, requested = detail.run.state, detail.run.cancel_requested
    if state in (RunState.FAILED, RunState.CANCELLED) and any(
        task.state is RunState.SUCCEEDED for task in detail.tasks
    ):
        return ("retry_failed", "retry")
    if state in TERMINAL:
        return ("retry",)
    if requested == 1:
        return ()
    if state is RunState.PAUSED or requested == 2:
        return ("resume", "cancel")
    return ("pause", "cancel")
