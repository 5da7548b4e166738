"""What all pages have in common: who looks, what was just done, what needs attention, and what is paused."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from starlette.responses import Response

from console.api.identity import Who
from console.api.parts import parts_of
from console.pages.notices import forget, notice_of
from console.pages.rendering import page, wants_part
from console.pages.rights import may_of
from rota.errors import BusUnavailable
from store.queries import jobs
from store.records import Pause


def show(request: Request, template: str, who: Who, **context: Any) -> Response:
    """Render a page for somebody."""
    part = wants_part(request)
    notice = None if part else notice_of(request)
    may = may_of(who)
    dead = None if part or not may["look"] else _dead_letters(request)
    pause = pause_of(request)
    answer = page(request, template, who=who, notice=notice, may=may, dead=dead, pause=pause, **context)
    return answer if notice is None else forget(answer)


def pause_of(request: Request) -> Pause | None:
    """Return since when everything is paused, by whom and why; None while it is not."""
    with parts_of(request).store.reading() as conn:
        return jobs.paused(conn)


def _dead_letters(request: Request) -> int | None:
    try:
        return parts_of(request).bus.dead.count()
    except BusUnavailable:  # history is shown while Redis is away
        return None
