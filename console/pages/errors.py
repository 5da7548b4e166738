"""Errors as pages: what happened, and what to do."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from console.api.identity import Who
from console.api.problems import Problem
from console.pages.rendering import page
from console.pages.rights import may_of


def error_page(request: Request, problem: Problem) -> Response:
    """Answer with a page that says what went wrong; strangers are shown how to sign in."""
    if problem.status == 401:
        return page(request, "login.html", status=401, who=None, notice=None, said="")
    who: Who | None = getattr(request.state, "who", None)
    context = {"who": who, "may": may_of(who), "dead": None, "notice": None, "problem": problem}
    return page(request, "error.html", status=problem.status, **context)
