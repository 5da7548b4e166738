"""A whole set of definitions applied at once: afterwards what was given holds, and nothing is half done."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from console.api.deeds import deed
from console.api.definitions import EDITED, comes_with_rota
from console.api.identity import Who
from console.api.parts import Parts
from console.api.shapes import Action, AppliedShape, ChangeShape
from console.api.shaping import change_shape
from rota.differences import differences
from rota.jobs import Job
from store.engine import Connection
from store.queries import audit, jobs, revision
from store.records import JobRecord

SET_PREFIX = "set:"
"""Stands before the name of a set in the `source` of its jobs."""


def apply(
    parts: Parts, who: Who, given: Sequence[Job], *, name: str | None, prune: bool, dry_run: bool
) -> list[AppliedShape]:
    """Save what differs, and with `prune` delete what the set of this name held before and holds no more.

    One transaction. A job that was changed elsewhere since the set brought it is not deleted.
    """
    source = EDITED if name is None else f"{SET_PREFIX}{name}"
    if dry_run:
        with parts.store.reading() as conn:
            return [*_told(conn, given), *(_pruned(conn, source, given) if prune else ())]
    now = parts.clock.now_ms()

    def change(conn: Connection) -> list[AppliedShape]:
        # What is told to be deleted must still be what it is told to be when it goes.
        revision.hold(conn)
        told = [*_told(conn, given), *(_pruned(conn, source, given) if prune else ())]
        wanted = {job.name: job for job in given}
        for n, one in enumerate(told):
            if one.action == "deleted":
                jobs.delete(conn, one.name)
                audit.add(conn, [deed(who, "job.delete", f"job:{one.name}", now, by=source)])
            elif one.action in ("created", "changed"):
                record = jobs.save(conn, wanted[one.name], author=who.name, source=source, at=now)
                audit.add(conn, [deed(who, "job.save", f"job:{one.name}", now, version=record.version)])
                told[n] = _shape(record, one.action, changes=one.changes)
            elif one.action == "unchanged" and name is not None:
                # What a file, another set or Rota has brought stays theirs: two would pull at it when one prunes.
                jobs.adopt(conn, one.name, of=EDITED, source=source)
        return told

    return parts.store.write(change)


def _told(conn: Connection, given: Sequence[Job]) -> Iterator[AppliedShape]:
    for job in given:
        known = jobs.find(conn, job.name)
        if known is None:
            yield AppliedShape(name=job.name, version=None, enabled=job.enabled, changed=True, action="created")
            continue
        changes = [change_shape(each) for each in differences(_meaning(known), job.meaning())]
        yield _shape(known, "changed" if changes else "unchanged", changes=changes)


def _meaning(record: JobRecord) -> dict[str, Any]:
    try:
        return record.job().meaning()
    except ValueError:  # an older version of the program has saved it
        return record.definition


def _pruned(conn: Connection, source: str, given: Collection[Job]) -> Iterator[AppliedShape]:
    wanted = {job.name for job in given}
    for record in jobs.once_from(conn, source):
        if record.name in wanted:
            continue
        if comes_with_rota(conn, record):
            yield _shape(record, "kept", reason="it comes with Rota")
        elif record.source == source:
            yield _shape(record, "deleted")
        else:
            yield _shape(record, "kept", reason=f"changed since by {record.author}")


def _shape(
    record: JobRecord, action: Action, *, changes: Sequence[ChangeShape] = (), reason: str | None = None
) -> AppliedShape:
    return AppliedShape(
        name=record.name,
        version=record.version,
        enabled=record.enabled,
        changed=action not in ("unchanged", "kept"),
        action=action,
        changes=list(changes),
        reason=reason,
    )
