"""The jobs that ship with Rota: saved as they are, and merged with what somebody made of them.

Each shipped definition is kept as a version with the source `shipped`, also when an edited one takes its place at
once: so the next upgrade knows what the edit was made of, and the list of versions shows what the upgrade changed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from rota.definitions import ActorSpec, parse_definition
from rota.errors import InvalidDefinition
from rota.jobs import Job
from rota.merging import merge
from store.queries import jobs
from store.records import JobRecord

if TYPE_CHECKING:
    from store.engine import Connection

logger = logging.getLogger(__name__)

AUTHOR = "rota"
SHIPPED = "shipped"
MERGED = "merged"
"""The `source` of an edited job that an upgrade has changed."""


def save_shipped(conn: Connection, shipped: Iterable[Job], *, actors: Mapping[str, ActorSpec], at: int) -> None:
    """Save the jobs of this version of Rota; what somebody changed of them stays as they changed it."""
    for job in shipped:
        known = jobs.find(conn, job.name)
        if known is None or known.source == SHIPPED:
            jobs.save(conn, job, author=AUTHOR, source=SHIPPED, at=at)
            continue
        base = jobs.last_from(conn, job.name, SHIPPED)
        if base is not None and base.definition != job.definition():
            _upgrade(conn, known, base.definition, job, actors=actors, at=at)


def _upgrade(
    conn: Connection,
    edited: JobRecord,
    base: dict[str, Any],
    job: Job,
    *,
    actors: Mapping[str, ActorSpec],
    at: int,
) -> None:
    merged = merge(base, edited.definition, job.definition())
    source, author = MERGED, AUTHOR
    try:
        result = parse_definition(merged.definition, source=job.name, actors=actors)
    except InvalidDefinition as error:
        # Better the job that somebody has tried than one that nobody has.
        logger.warning("definition.not_merged", extra={"job": job.name, "reason": str(error)})
        mine = _readable(edited)
        if mine is None:
            return
        result, source, author = mine, edited.source, edited.author
    jobs.save(conn, job, author=AUTHOR, source=SHIPPED, at=at, keep_switch=True)
    jobs.save(conn, result, author=author, source=source, at=at, keep_switch=True)
    if result.enabled not in (edited.definition.get("enabled", True), edited.enabled):
        jobs.set_enabled(conn, [job.name], result.enabled, at=at)
    logger.info("definition.merged", extra={"job": job.name, "kept": list(merged.conflicts)})


def _readable(edited: JobRecord) -> Job | None:
    """Return the edited job; None for one that this version cannot read any more, which must not stop the others."""
    try:
        return edited.job()
    except ValueError:
        return None
