"""The routes of the pages: one file per page, joined here, with the static files and the way in."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request
from starlette.responses import RedirectResponse, Response

from console.api.parts import Given
from console.api.problems import Problem
from console.api.routing import new_router
from console.api.sign_in import prefetched, redeem, signed_in
from console.pages import (
    archive_form,
    backfill,
    bin_deeds,
    bin_page,
    datasource_form,
    datasources,
    fleet,
    hooks,
    job,
    jobs,
    pausing,
    run,
    runs,
    search,
    upcoming,
    versions,
)
from console.pages.forms import Filled
from console.pages.rendering import page, static_answer, statics

router = new_router(prefix="", in_schema=False)

Code = Annotated[str, Query(max_length=200)]


@router.get("/")
async def home() -> Response:
    """Go to the first page."""
    return RedirectResponse("/jobs", status_code=303)


@router.get("/static/{version}/{file}")
async def static(version: str, file: str) -> Response:
    """Return a static file; an old version's address gives the present file, for pages that are still open."""
    del version
    found = statics().files.get(file)
    if found is None:
        raise Problem(404, "there is no such file")
    return static_answer(found)


@router.get("/favicon.ico")
async def favicon() -> Response:
    """Return the icon that browsers ask for by themselves."""
    return static_answer(statics().files["icon.svg"])


@router.get("/login")
def login(request: Request, parts: Given, code: Code = "") -> Response:
    """Sign in with the code of a link, or ask for one.

    Opening the link is what signs in, the one change of state by GET: the code works once, and a browser that looks
    ahead of its user does not use it up.
    """
    if code and not prefetched(request):
        return _sign_in(request, parts, code)
    return page(request, "login.html", who=None, notice=None, said="")


@router.post("/login")
def login_by_form(request: Request, parts: Given, form: Filled) -> Response:
    """Sign in with a code that was typed or pasted, alone or as the whole link."""
    return _sign_in(request, parts, form.one("code").rpartition("code=")[2].strip())


def _sign_in(request: Request, parts: Given, code: str) -> Response:
    session = redeem(parts, code)
    if session is None:
        said = "This link has been used, or is older than an hour."
        return page(request, "login.html", status=401, who=None, notice=None, said=said)
    return signed_in(request, session)


_of_jobs = (jobs, job, versions, backfill, upcoming, pausing)
_of_datasources = (datasources, datasource_form, archive_form, bin_page, bin_deeds)
for _page in (*_of_jobs, runs, run, hooks, *_of_datasources, search, fleet):
    router.include_router(_page.router)
