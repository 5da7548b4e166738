"""The page of all jobs, and the forms that act on them."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query, Request
from starlette.responses import Response

from console.api.definitions import clear, find, switch
from console.api.identity import Asking, Who
from console.api.parts import Given, Parts
from console.api.problems import Problem
from console.api.requests import Cursor
from console.api.routing import new_router
from console.api.starting import start_job
from console.api.wording import schedule_words
from console.pages.forms import Filled, Form
from console.pages.notices import Notice, go
from console.pages.showing import show
from rota.errors import InvalidDefinition, Refused
from rota.states import RunState
from store.queries import jobs

router = new_router(prefix="", in_schema=False)

_PAGE = 100
_DEEDS = ("run", "enable", "disable", "clear")
_MAX_CHOSEN = 500

Tab = Literal["all", "system", "user", "disabled"]


@router.get("/jobs")
def jobs_page(
    request: Request,
    parts: Given,
    who: Asking,
    *,
    tab: Tab = "all",
    q: Annotated[str, Query(max_length=200)] = "",
    cursor: Cursor = None,
) -> Response:
    """Show the jobs: their triggers, their last and next runs, and what can be done with them."""
    with parts.store.reading() as conn:
        found = jobs.list_jobs(
            conn,
            kind=tab if tab in ("system", "user") else None,
            owner=who.owner,
            enabled=False if tab == "disabled" else None,
            q=q or None,
            cursor=cursor,
            limit=_PAGE,
        )
    rows = [(record, schedule_words(record.definition.get("triggers", ()))) for record in found.items]
    return show(request, "jobs.html", who, rows=rows, next=found.next, tab=tab, q=q, cursor=cursor)


@router.post("/jobs")
def act(parts: Given, who: Asking, form: Filled) -> Response:
    """Run, enable, disable, or clear the history of one job or of the chosen ones."""
    deed, names = _wish(form)
    back = form.back("/jobs")
    if who.own_only and deed != "run":
        raise Problem(403, f"the role {who.role} may only run jobs")
    if not names:
        return go(back, Notice("No job was chosen.", good=False))
    if deed == "run":
        return _run(parts, who, names, form, back)
    if deed == "clear":
        total = sum(clear(parts, who, name) for name in names)
        return go(back, Notice(f"{total} ended runs were removed."))
    changed = switch(parts, who, names, enabled=deed == "enable")
    return go(back, Notice(_switched(deed, names, changed)))


def _wish(form: Form) -> tuple[str, list[str]]:
    """Return what to do with which jobs: a row's button carries its job, those of the bar act on the chosen ones."""
    for deed in _DEEDS:
        if name := form.one(deed):
            return deed, [name]
    deed = form.one("deed")
    names = list(dict.fromkeys(form.every("names")))
    if deed not in _DEEDS or len(names) > _MAX_CHOSEN:
        raise Problem(400, "the form says nothing that can be done")
    return deed, names


def _run(parts: Parts, who: Who, names: list[str], form: Form, back: str) -> Response:
    if len(names) == 1:
        return _run_one(parts, who, names[0], form, back)
    refused = []
    for name in names:
        try:
            start_job(parts, who, name, {})
        except Refused as error:
            refused.append(str(error))
        except InvalidDefinition:
            refused.append(f"{name} needs parameters")
        except Problem as problem:
            refused.append(problem.detail)
    text = f"{len(names) - len(refused)} jobs were started."
    if refused:
        # While everything is paused, all of them are refused in the same words.
        text += f" Not started: {'; '.join(dict.fromkeys(refused))}."
    return go(back, Notice(text, good=not refused))


def _run_one(parts: Parts, who: Who, name: str, form: Form, back: str) -> Response:
    job = find(parts, who, name).job()
    try:
        admitted = start_job(parts, who, name, form.params(job))
    except InvalidDefinition as error:
        said = "; ".join(str(problem).removeprefix("params.") for problem in error.problems)
        return go(f"/jobs/{name}", Notice(f"Not started: {said}.", good=False))
    except Refused as error:
        return go(back, Notice(f"Not started: {error}.", good=False))
    if admitted.state is RunState.SKIPPED:
        return go(back, Notice(f"Not started: {admitted.reason}.", good=False))
    return go(f"/runs/{admitted.run}", Notice("Started."))


def _switched(deed: str, names: list[str], changed: list[str]) -> str:
    if len(names) == 1:
        return f"{names[0]} is {deed}d."
    return f"{len(changed)} jobs were {deed}d." + (" The others were so already." if len(changed) < len(names) else "")
