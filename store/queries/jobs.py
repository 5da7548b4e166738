"""Definitions of jobs: save them, find them, switch them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy
from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    and_,
    bindparam,
    func,
    insert,
    or_,
    select,
    update,
)

from rota.errors import Conflict, NotFound
from rota.states import RunState
from store.batches import batches
from store.cursors import decode_cursor, decode_number_cursor, encode_cursor, page_limit
from store.encoding import dumps, loads
from store.patterns import contains
from store.queries import switches
from store.queries.revision import pause_everything, paused, resume_everything, take_next
from store.records import CurrentJob, JobRecord, JobVersion, LastRun, Page
from store.tables import job_versions, jobs, runs, ticks

if TYPE_CHECKING:
    from rota.jobs import Job

__all__ = [
    "adopt",
    "current",
    "delete",
    "enabled_from",
    "find",
    "get",
    "get_version",
    "last_from",
    "list_jobs",
    "once_from",
    "pause_everything",
    "paused",
    "resume_everything",
    "save",
    "set_enabled",
    "version_at",
    "version_before",
    "versions",
]

_newest = select(runs.c.id).where(runs.c.job == jobs.c.name).order_by(runs.c.id.desc()).limit(1).scalar_subquery()
_next_due = select(func.min(ticks.c.due)).where(ticks.c.job == jobs.c.name).scalar_subquery()
_last = runs.alias("last")
_jobs = select(
    *jobs.c,
    _last.c.id.label("last_id"),
    _last.c.state.label("last_state"),
    _last.c.ended_at.label("last_ended_at"),
    _next_due.label("next_due"),
).select_from(jobs.outerjoin(_last, _last.c.id == _newest))
_one_job = _jobs.where(jobs.c.name == bindparam("name"))
_saved = select(jobs.c.version, jobs.c.definition, jobs.c.enabled).where(jobs.c.name == bindparam("name"))
_current = select(jobs.c.name, jobs.c.version, jobs.c.enabled, jobs.c.enabled_at, jobs.c.definition).where(
    jobs.c.name.in_(bindparam("names", expanding=True))
)
_switched = select(jobs.c.name).where(
    jobs.c.name.in_(bindparam("names", expanding=True)), jobs.c.enabled == bindparam("on")
)
_last_version = select(func.max(job_versions.c.version)).where(job_versions.c.job == bindparam("name"))


def save(
    conn: Connection,
    job: Job,
    *,
    author: str,
    source: str,
    at: int,
    expected_version: int | None = None,
    keep_switch: bool = False,
) -> JobRecord:
    """Save a definition and return the job; a new version is made only if the definition changed.

    The switch stays where it is, unless the definition's own `enabled` changed; with `keep_switch` it stays even then,
    for a version that another one takes the place of at once. With `expected_version` (0: must not
    exist yet) Conflict is raised when somebody else saved in between.
    """
    said = job.definition()
    definition = dumps(said)
    if _differs(_old(conn, job.name, expected_version), definition):
        revision = take_next(conn)
        # Nobody else changes a definition from here on; somebody may have just before.
        old = _old(conn, job.name, expected_version)
        if _differs(old, definition):
            listens = any("event" in trigger for trigger in said.get("triggers", ()))
            row = {"definition": definition, "source": source, "author": author}
            _save_version(conn, job, row, old=old, at=at, revision=revision, listens=listens, keep_switch=keep_switch)
    return get(conn, job.name)


def _old(conn: Connection, name: str, expected_version: int | None) -> RowMapping | None:
    old = conn.execute(_saved, {"name": name}).mappings().one_or_none()
    version = old["version"] if old else 0
    if expected_version not in (None, version):
        raise Conflict(f"{name} is at version {version}, not at {expected_version}")
    return old


def _differs(old: RowMapping | None, definition: str) -> bool:
    return old is None or old["definition"] != definition


def _save_version(
    conn: Connection,
    job: Job,
    said: dict[str, str],
    *,
    old: RowMapping | None,
    at: int,
    revision: int,
    listens: bool,
    keep_switch: bool,
) -> None:
    # Versions outlive a deleted job, so that the number of a new one with its name goes on.
    version = (conn.execute(_last_version, {"name": job.name}).scalar() or 0) + 1
    conn.execute(insert(job_versions), {"job": job.name, "version": version, "at": at, **said})
    row: dict[str, Any] = {
        "label": job.title,
        "owner": job.owner,
        "kind": job.kind,
        "version": version,
        "revision": revision,
        "listens": listens,
        "updated_at": at,
        **said,
    }
    if old is None:
        row |= {"name": job.name, "created_at": at, "enabled": job.enabled, "enabled_at": at}
        conn.execute(insert(jobs), row)
        return
    if not keep_switch and job.enabled not in (loads(old["definition"]).get("enabled", True), old["enabled"]):
        row |= {"enabled": job.enabled, "enabled_at": at, "enabled_reason": None}
        switches.record(conn, [job.name], job.enabled, at=at, person=said["author"], reason=None)
    conn.execute(update(jobs).where(jobs.c.name == job.name).values(row))


def get(conn: Connection, name: str) -> JobRecord:
    """Return one job; NotFound if there is none of that name."""
    found = find(conn, name)
    if found is None:
        raise NotFound(f"there is no job {name}")
    return found


def find(conn: Connection, name: str) -> JobRecord | None:
    """Return one job, or None."""
    row = conn.execute(_one_job, {"name": name}).mappings().one_or_none()
    return None if row is None else _record(row)


def list_jobs(
    conn: Connection,
    *,
    kind: str | None = None,
    owner: str | None = None,
    enabled: bool | None = None,
    q: str | None = None,
    cursor: str | None = None,
    limit: int = 100,
) -> Page[JobRecord]:
    """Return a page of jobs by name; `q` is looked for in name and label, whatever the case."""
    conditions: list[ColumnElement[bool]] = []
    if kind is not None:
        conditions.append(jobs.c.kind == kind)
    if owner is not None:
        conditions.append(jobs.c.owner == owner)
    if enabled is not None:
        conditions.append(jobs.c.enabled == enabled)
    if q:
        conditions.append(or_(contains(jobs.c.name, q), contains(jobs.c.label, q)))
    if cursor is not None:
        conditions.append(jobs.c.name > decode_cursor(cursor))
    count = page_limit(limit)
    query = _jobs.where(and_(True, *conditions)).order_by(jobs.c.name).limit(count + 1)
    found = [_record(row) for row in conn.execute(query).mappings()]
    return Page(items=found[:count], next=encode_cursor(found[count - 1].name) if len(found) > count else None)


def current(conn: Connection, names: Iterable[str]) -> dict[str, CurrentJob]:
    """Return definition and switch of these jobs; those that there are not are left out."""
    found: dict[str, CurrentJob] = {}
    for batch in batches(names):
        for row in conn.execute(_current, {"names": batch}):
            found[row.name] = CurrentJob(
                name=row.name,
                version=row.version,
                enabled=row.enabled,
                enabled_at=row.enabled_at,
                definition=loads(row.definition),
            )
    return found


def enabled_from(conn: Connection, endings: Iterable[str]) -> list[tuple[str, str]]:
    """Return name and source of the enabled jobs whose source ends in one of these, in lower case."""
    ends = or_(*(func.lower(jobs.c.source).endswith(ending, autoescape=True) for ending in endings))
    query = select(jobs.c.name, jobs.c.source).where(jobs.c.enabled, ends).order_by(jobs.c.name)
    return [(name, source) for name, source in conn.execute(query)]


def set_enabled(
    conn: Connection,
    names: Sequence[str],
    enabled: bool,
    *,
    at: int,
    reason: str | None = None,
    person: str | None = None,
) -> list[str]:
    """Set the switch of these jobs and return those that it moved; `person` is None where a rule did it."""
    other = [name for batch in batches(names) for name in conn.scalars(_switched, {"names": batch, "on": not enabled})]
    if not other:
        return []
    revision = take_next(conn)
    moved: list[str] = []
    for batch in batches(other):
        moved += conn.scalars(
            update(jobs)
            .where(jobs.c.name.in_(batch), jobs.c.enabled != enabled)
            .values(enabled=enabled, enabled_at=at, enabled_reason=reason, revision=revision)
            .returning(jobs.c.name)
        )
    switches.record(conn, moved, enabled, at=at, person=person, reason=reason)
    return sorted(moved)


def delete(conn: Connection, name: str) -> None:
    """Delete a job and its ticks; its runs and versions stay as history. NotFound if there is none of that name."""
    take_next(conn, deletes=True)
    conn.execute(sqlalchemy.delete(ticks).where(ticks.c.job == name))
    if conn.execute(sqlalchemy.delete(jobs).where(jobs.c.name == name)).rowcount == 0:
        raise NotFound(f"there is no job {name}")


def versions(conn: Connection, name: str, *, cursor: str | None = None, limit: int = 100) -> Page[JobVersion]:
    """Return a page of a job's definitions, newest first."""
    count = page_limit(limit)
    query = select(job_versions).where(job_versions.c.job == name)
    if cursor is not None:
        query = query.where(job_versions.c.version < decode_number_cursor(cursor))
    query = query.order_by(job_versions.c.version.desc()).limit(count + 1)
    found = [_version(row) for row in conn.execute(query).mappings()]
    return Page(items=found[:count], next=encode_cursor(found[count - 1].version) if len(found) > count else None)


def get_version(conn: Connection, name: str, version: int) -> JobVersion:
    """Return one definition that a job has or had; NotFound if it never did, or if it was pruned."""
    query = select(job_versions).where(job_versions.c.job == name, job_versions.c.version == version)
    row = conn.execute(query).mappings().one_or_none()
    if row is None:
        raise NotFound(f"there is no version {version} of a job {name}")
    return _version(row)


def version_at(conn: Connection, name: str, at: int | None) -> JobVersion | None:
    """Return the definition that a job had at a time, None if it had none yet; without a time its first one."""
    query = select(job_versions).where(job_versions.c.job == name)
    if at is None:
        query = query.order_by(job_versions.c.version)
    else:
        query = query.where(job_versions.c.at <= at).order_by(job_versions.c.version.desc())
    row = conn.execute(query.limit(1)).mappings().one_or_none()
    return None if row is None else _version(row)


def last_from(conn: Connection, name: str, source: str) -> JobVersion | None:
    """Return the newest definition that a job had from this source, None if it never had one."""
    query = select(job_versions).where(job_versions.c.job == name, job_versions.c.source == source)
    row = conn.execute(query.order_by(job_versions.c.version.desc()).limit(1)).mappings().one_or_none()
    return None if row is None else _version(row)


def once_from(conn: Connection, source: str) -> list[JobRecord]:
    """Return the jobs that a source has brought, whoever changed them since, by name."""
    brought = select(job_versions.c.job).where(job_versions.c.source == source)
    query = _jobs.where(or_(jobs.c.source == source, jobs.c.name.in_(brought))).order_by(jobs.c.name)
    return [_record(row) for row in conn.execute(query).mappings()]


def adopt(conn: Connection, name: str, *, of: str, source: str) -> None:
    """Let a job of one source belong to another one that says the same; one that is of a third source stays there."""
    conn.execute(update(jobs).where(jobs.c.name == name, jobs.c.source == of).values(source=source))


def version_before(conn: Connection, name: str, version: int) -> JobVersion | None:
    """Return the definition that a job had before one of its versions, None if that is the first that is kept."""
    query = select(job_versions).where(job_versions.c.job == name, job_versions.c.version < version)
    row = conn.execute(query.order_by(job_versions.c.version.desc()).limit(1)).mappings().one_or_none()
    return None if row is None else _version(row)


def _record(row: RowMapping) -> JobRecord:
    last = None
    if row["last_id"] is not None:
        last = LastRun(id=row["last_id"], state=RunState(row["last_state"]), ended_at=row["last_ended_at"])
    return JobRecord(
        name=row["name"],
        label=row["label"],
        owner=row["owner"],
        kind=row["kind"],
        enabled=row["enabled"],
        enabled_reason=row["enabled_reason"],
        enabled_at=row["enabled_at"],
        version=row["version"],
        definition=loads(row["definition"]),
        source=row["source"],
        author=row["author"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        last_run=last,
        next_due=row["next_due"],
    )


def _version(row: RowMapping) -> JobVersion:
    return JobVersion(
        job=row["job"],
        version=row["version"],
        definition=loads(row["definition"]),
        source=row["source"],
        author=row["author"],
        at=row["at"],
    )
