"""What a form that starts a run answers: the page again, which then tells of the run, or why there is none."""

from __future__ import annotations

from collections.abc import Callable

from starlette.responses import Response

from console.pages.notices import Notice, go
from rota.errors import InvalidDefinition, NotFound, Refused
from rota.states import RunState
from scheduler.admission.admitting import Admitted


def begun(here: str, start: Callable[[], Admitted], *, said: str = "Started.") -> Response:
    """Start a run, and go to the page at `here`, which says what came of that."""
    try:
        admitted = start()
    except (NotFound, Refused) as error:
        return go(here, Notice(f"Not started: {error}.", good=False))
    except InvalidDefinition as error:
        problems = "; ".join(str(problem) for problem in error.problems)
        return go(here, Notice(f"Not started: {problems}.", good=False))
    if admitted.state is RunState.SKIPPED:
        return go(here, Notice(f"Not started: {admitted.reason}.", good=False))
    return go(f"{here}{'&' if '?' in here else '?'}run={admitted.run}", Notice(said))
