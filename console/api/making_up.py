"""Ticks of the past made up for in somebody's name, for the API and the pages alike."""

from __future__ import annotations

from console.api.deeds import deed
from console.api.definitions import find
from console.api.identity import Who
from console.api.parts import Parts
from rota.jobs import Overlap
from rota.times import rfc3339
from scheduler.timing.backfilling import Backfill, backfill
from store.queries import audit


def make_up(
    parts: Parts, who: Who, name: str, start: int, end: int, *, overlap: Overlap | None = None, dry_run: bool = False
) -> Backfill:
    """Start a run for each tick from `start` until before `end` that became none, and return what it came to.

    Raises NotFound for a job that does not exist or is not theirs, Refused as `scheduler.timing.backfilling` does.
    """
    now = parts.clock.now_ms()
    find(parts, who, name)
    if not dry_run:
        who.check_run(name, {})
    found = backfill(
        parts.store,
        parts.bus,
        name,
        start,
        end,
        person=who.name,
        now=now,
        actors=parts.actors,
        overlap=overlap,
        dry_run=dry_run,
    )
    if found.admitted:
        with parts.store.writing() as conn:
            detail = {"from": rfc3339(start), "until": rfc3339(end), "runs": len(found.admitted)}
            audit.add(conn, [deed(who, "job.backfill", f"job:{name}", now, **detail)])
    return found
