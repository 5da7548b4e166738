"""Errors as pages: what happened, and what to do."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from console.api.identity import Who
from console.api.problems import Problem
from console.pages.rendering import page
from console.pages.rights import may_of
from console.pages.showing import pause_of
from rota.errors import StoreUnavailable
from store.records import Pause


def error_page(request: Request, problem: Problem) -> Response:
    """Answer with a page that says what went wrong; strangers are shown how to sign in."""
    if problem.status == 401:
        return page(request, "login.html", status=401, who=None, notice=None, said="")
    who: Who | None = getattr(request.state, "who", None)
    pause = None if who is None else _pause_of(request)
    context = {"who": who, "may": may_of(who), "dead": None, "notice": None, "pause": pause, "problem": problem}
    return page(request, "error.html", status=problem.status, **context)


def _pause_of(request: Request) -> Pause | None:
    try:
        return pause_of(request)
    except StoreUnavailable:  # which may be what this page is about
        return None
