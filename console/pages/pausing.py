"""The form that pauses everything, and the one that lets it go on."""

from __future__ import annotations

from starlette.responses import Response

from console.api.identity import Asking
from console.api.parts import Given
from console.api.pausing import pause, resume
from console.api.problems import Problem
from console.api.routing import new_router
from console.pages.forms import Filled
from console.pages.moments import invalid
from console.pages.notices import Notice, go

router = new_router(prefix="", in_schema=False)

_MOST_CHARS = 500


@router.post("/pause")
def act(parts: Given, who: Asking, form: Filled) -> Response:
    """Pause everything, with a reason if there is one, or resume."""
    deed, back = form.one("deed"), form.back("/jobs")
    if deed == "resume":
        changed = resume(parts, who)
        return go(back, Notice("Things start again." if changed else "Nothing was paused."))
    if deed != "pause":
        raise Problem(400, "the form says nothing that can be done")
    reason = " ".join(form.one("reason").split())
    if len(reason) > _MOST_CHARS:
        raise invalid("reason", f"must have at most {_MOST_CHARS} characters")
    changed = pause(parts, who, reason or None)
    # The banner says what holds now.
    return go(back, None if changed else Notice("Everything was paused already.", good=False))
