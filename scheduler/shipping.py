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
        result, source, author = edited.job(), edited.source, edited.author
    jobs.save(conn, job, author=AUTHOR, source=SHIPPED, at=at)
    jobs.save(conn, result, author=author, source=source, at=at)
    logger.info("definition.merged", extra={"job": job.name, "kept": list(merged.conflicts)})
