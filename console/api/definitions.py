"""Jobs found, saved, switched and cleared in somebody's name, for the API and the pages alike."""

from __future__ import annotations

from console.api.deeds import deed
from console.api.identity import Who
from console.api.parts import Parts
from rota.errors import NotFound
from rota.jobs import Job
from scheduler.jobs.shipping import SHIPPED
from store.engine import Connection
from store.queries import audit, jobs, runs
from store.records import JobRecord

#: The `source` of jobs that were saved here; files and Rota itself give other ones.
EDITED = "api"


def find(parts: Parts, who: Who, name: str) -> JobRecord:
    """Return a job that the asking person may see; NotFound otherwise."""
    with parts.store.reading() as conn:
        record = jobs.get(conn, name)
    who.check(record.owner, f"job {name}")
    return record


def save(parts: Parts, who: Who, job: Job, *, expected_version: int | None = None) -> JobRecord:
    """Save a definition in the asking person's name; an update of Rota or of a file then leaves it as it is."""
    now = parts.clock.now_ms()
    with parts.store.writing() as conn:
        known = jobs.find(conn, job.name)
        record = jobs.save(conn, job, author=who.name, source=EDITED, at=now, expected_version=expected_version)
        if known is None or known.version != record.version:
            audit.add(conn, [deed(who, "job.save", f"job:{job.name}", now, version=record.version)])
    return record


def switch(parts: Parts, who: Who, names: list[str], *, enabled: bool) -> list[str]:
    """Enable or disable jobs and return those that changed; NotFound if one does not exist, then none changed."""
    now = parts.clock.now_ms()
    action = "job.enable" if enabled else "job.disable"
    with parts.store.writing() as conn:
        missing = [name for name in names if jobs.find(conn, name) is None]
        if missing:
            raise NotFound(f"there is no job {', '.join(missing)}")
        changed = jobs.set_enabled(conn, names, enabled, at=now, person=who.name)
        audit.add(conn, [deed(who, action, f"job:{name}", now) for name in changed])
    return changed


def clear(parts: Parts, who: Who, name: str) -> int:
    """Remove a job's ended runs, batch by batch, and return how many there were; a deleted job may have some too."""
    total = 0
    more = True
    while more:
        # A transaction of its own for each batch: others want to write in between.
        with parts.store.writing() as conn:
            removed = runs.clear_history(conn, name)
        total += removed.runs
        more = removed.more
    if total == 0:
        find(parts, who, name)
    now = parts.clock.now_ms()
    with parts.store.writing() as conn:
        audit.add(conn, [deed(who, "job.clear_history", f"job:{name}", now, runs=total)])
    return total


def comes_with_rota(conn: Connection, record: JobRecord) -> bool:
    """Tell whether this is a job that Rota brings, edited or not."""
    return record.source == SHIPPED or jobs.last_from(conn, record.name, SHIPPED) is not None
