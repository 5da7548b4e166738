"""Which places in datasources a run about archives reads and writes, and whether somebody may do that there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from console.api.archive_jobs import JOBS
from console.api.homes import check_path
from console.api.identity import Who
from console.api.parts import Parts
from store.engine import Connection
from store.queries import datasources
from store.records import RunRecord


class Place(NamedTuple):
    """A place that a run works on; `itself` means that a home as a whole may be meant."""

    datasource: str
    path: str
    itself: bool = False


def places_of(datasource: str, given: Mapping[str, Any]) -> Iterator[Place]:
    """Yield where a run with these parameters reads, and where it writes.

    Without a target it writes beside the first that it reads, or into the root of another datasource; so a whole home
    takes one.
    """
    target = given.get("target") or ""
    sources = list(given.get("paths") or [given["path"]])
    for path in sources:
        yield Place(datasource, path, itself=bool(target) and "paths" in given)
    other = given.get("target_datasource") or datasource
    if target or other != datasource:
        yield Place(other, target)


def check_places(conn: Connection, who: Who, datasource: str, given: Mapping[str, Any]) -> None:
    """Raise NotFound unless the datasources are there and somebody may work at all of these places."""
    for name in {place.datasource for place in places_of(datasource, given)}:
        datasources.get(conn, name)
    if who.own_only:
        for place in places_of(datasource, given):
            check_path(conn, who, place.datasource, place.path, itself=place.itself)


def check_again(parts: Parts, who: Who, run: RunRecord) -> None:
    """Do so for a run that is to start once more, or to go on: homes may have moved since."""
    if who.own_only and run.job in JOBS.values():
        with parts.store.reading() as conn:
            check_places(conn, who, run.params.get("datasource", ""), run.params)
