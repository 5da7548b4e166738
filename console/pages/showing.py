"""What all pages have in common: who looks, what was just done, and whether something needs attention."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from starlette.responses import Response

from console.api.identity import Who
from console.api.parts import parts_of
from console.pages.notices import forget, notice_of
from console.pages.rendering import PART_HEADER, page
from console.pages.rights import may_of
from rota.errors import BusUnavailable


def show(request: Request, template: str, who: Who, **context: Any) -> Response:
    """Render a page for somebody."""
    part = PART_HEADER in request.headers
    notice = None if part else notice_of(request)
    may = may_of(who)
    dead = None if part or not may["look"] else _dead_letters(request)
    answer = page(request, template, who=who, notice=notice, may=may, dead=dead, **context)
    return answer if notice is None else forget(answer)


def _dead_letters(request: Request) -> int | None:
    try:
        return parts_of(request).bus.dead.count()
    except BusUnavailable:  # history is shown while Redis is away
        return None
