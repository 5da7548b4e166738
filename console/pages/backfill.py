"""The page that makes up for missed ticks: first it tells which, then its button starts their runs."""

from __future__ import annotations

from typing import Annotated, get_args

from fastapi import Query, Request
from starlette.responses import Response

from console.api.definitions import find
from console.api.identity import Asking, Who
from console.api.making_up import make_up
from console.api.parts import Given, Parts
from console.api.problems import Problem
from console.api.routing import new_router
from console.pages.forms import Filled
from console.pages.moments import TimeText, ZoneText, field_value, invalid, moment_in
from console.pages.notices import Notice, go
from console.pages.policies import OVERLAP_WORDS
from console.pages.showing import show
from rota.errors import InvalidDefinition, Refused
from rota.jobs import Overlap
from rota.states import RunState
from rota.times import rfc3339
from scheduler.timing.backfilling import OVERLAP

router = new_router(prefix="", in_schema=False)

_LISTED = 200
Word = Annotated[str, Query(max_length=20)]


@router.get("/jobs/{name}/backfill")
def backfill_page(
    request: Request,
    name: str,
    parts: Given,
    who: Asking,
    *,
    start: Annotated[TimeText, Query(alias="from")] = "",
    until: TimeText = "",
    zone: ZoneText = "",
    overlap: Word = OVERLAP,
) -> Response:
    """Ask for a range; once there is one, tell which of its ticks became no run. Nothing is started."""
    record = find(parts, who, name)
    asked = bool(start or until)
    span = _range(start, until, zone) if asked else None
    found, said = None, ""
    if span is not None:
        try:
            found = make_up(parts, who, name, *span, overlap=_overlap(overlap), dry_run=True)
        except Refused as error:
            said = str(error)
    left = () if found is None else found.left
    context = {
        "job": record,
        "zone": zone,
        "asked": asked,
        "start": field_value(None if span is None else span[0], zone),
        "until": field_value(None if span is None else span[1], zone),
        "exact": None if span is None else [rfc3339(at) for at in span],
        "overlap": _overlap(overlap),
        "overlaps": OVERLAP_WORDS,
        "found": found,
        "left": left,
        "listed": _LISTED,
        "said": said,
    }
    return show(request, "backfill.html", who, **context)


@router.post("/jobs/{name}/backfill")
def act(name: str, parts: Given, who: Asking, form: Filled) -> Response:
    """Start the runs that the page has told of."""
    start, end = _range(form.one("from"), form.one("until"), "")
    try:
        return _started(parts, who, name, start, end, overlap=_overlap(form.one("overlap", OVERLAP)))
    except (Refused, InvalidDefinition) as error:
        return go(f"/jobs/{name}", Notice(f"Not started: {' '.join(str(error).split())}.", good=False))


def _started(parts: Parts, who: Who, name: str, start: int, end: int, *, overlap: Overlap) -> Response:
    found = make_up(parts, who, name, start, end, overlap=overlap)
    skipped = sum(admitted.state is RunState.SKIPPED for admitted in found.admitted)
    begun = len(found.admitted) - skipped
    if not found.admitted:
        return go(f"/jobs/{name}", Notice("Nothing was left to make up for."))
    text = f"{begun} {'run was' if begun == 1 else 'runs were'} started."
    if skipped:
        text += f" {skipped} {'was' if skipped == 1 else 'were'} skipped by the overlap rule."
    return go(f"/runs?job={name}", Notice(text, good=begun > 0))


def _range(start: str, until: str, zone: str) -> tuple[int, int]:
    if not start or not until:
        raise invalid("until" if start else "from", "is missing: a range needs both of its ends")
    begin, end = moment_in(start, zone, "from").at, moment_in(until, zone, "until").at
    if end <= begin:
        raise invalid("until", "must be later than from")
    return begin, end


def _overlap(word: str) -> Overlap:
    for known in get_args(Overlap):
        if word == known:
            return known  # type: ignore[no-any-return]
    raise Problem(400, f"overlap must be one of {', '.join(get_args(Overlap))}")
