"""The pages of the fleet: workers with the queues, and dead letters."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from console.api.fleet import discard, redrive
from console.api.identity import Asking
from console.api.parts import Given
from console.api.problems import Problem
from console.api.routing import new_router
from console.pages.forms import Filled
from console.pages.notices import Notice, go
from console.pages.showing import show
from rota.errors import NotFound, Refused

router = new_router(prefix="", in_schema=False)

_LETTERS = 100


@router.get("/workers")
def workers_page(request: Request, parts: Given, who: Asking) -> Response:
    """Show who works, what waits, and who leads."""
    census = parts.bus.census
    context = {"workers": census.workers(), "queues": census.queues(), "figures": census.figures()}
    return show(request, "workers.html", who, **context)


@router.get("/dead")
def dead_page(request: Request, parts: Given, who: Asking) -> Response:
    """Show what was set aside."""
    letters = parts.bus.dead.list(limit=_LETTERS)
    bodies = {letter.id: letter.body.decode("utf-8", "replace") for letter in letters}
    return show(request, "dead.html", who, letters=letters, bodies=bodies, most=_LETTERS)


@router.post("/dead")
def act(parts: Given, who: Asking, form: Filled) -> Response:
    """Send a message again, or drop it."""
    again, drop = form.one("redrive"), form.one("discard")
    if not again and not drop:
        raise Problem(400, "the form says nothing that can be done")
    try:
        if again:
            redrive(parts, who, again)
            return go("/dead", Notice("It is back on its queue."))
        discard(parts, who, drop)
    except NotFound:
        return go("/dead", Notice("It is gone already.", good=False))
    except Refused as error:
        return go("/dead", Notice(f"Not possible: {error}.", good=False))
    return go("/dead", Notice("It was dropped."))
