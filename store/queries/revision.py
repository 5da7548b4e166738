"""Where the definitions stand: one row that every change of a definition moves on, and that says what is paused.

Whoever follows the definitions asks for this row, and then only for the jobs that changed since. Who changes one takes
the next revision first: the row is locked from then until the end of the transaction, so revisions become visible in
their order, and none can be overtaken.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import ColumnElement, Connection, bindparam, literal_column, select, tuple_, update

from store.batches import batches
from store.queries import switches
from store.records import ChangedJob, Pause, Revision
from store.tables import jobs, revision

_now = select(revision)
_next = update(revision).values(value=revision.c.value + 1).returning(revision.c.value)
_changed = (
    select(jobs.c.name, jobs.c.revision, jobs.c.listens)
    .where(tuple_(jobs.c.revision, jobs.c.name) > tuple_(bindparam("value"), bindparam("name")))
    .order_by(jobs.c.revision, jobs.c.name)
    .limit(bindparam("most"))
)
_of_jobs = select(jobs.c.name, jobs.c.revision).where(jobs.c.name.in_(bindparam("names", expanding=True)))
# As it stands in the condition of a partial index: SQLite would be given `listens = 1`, and read all jobs.
_is_listening: ColumnElement[bool] = literal_column("jobs.listens")
_listening = select(jobs.c.name, jobs.c.revision).where(_is_listening)


def read(conn: Connection) -> Revision:
    """Return where the definitions stand: one row by its key, cheap enough to ask at every step."""
    row = conn.execute(_now).one()
    pause = None
    if row.paused_at is not None:
        pause = Pause(at=row.paused_at, person=row.paused_by or "", reason=row.paused_reason)
    return Revision(value=row.value, deleted=row.deleted, followed=row.followed, pause=pause)


def take_next(conn: Connection, *, deletes: bool = False) -> int:
    """Return the revision of a change that is about to be made; others wait with theirs until it is committed."""
    value: int = conn.execute(_next).scalar_one()
    if deletes:
        conn.execute(update(revision).values(deleted=value))
    return value


def hold(conn: Connection) -> None:
    """Let nobody else change a definition until the end of the transaction: what is read of them holds until then."""
    conn.execute(_now.with_for_update())


def mark_followed(conn: Connection, value: int) -> None:
    """Record that the ticks follow the definitions up to this revision; it never goes back."""
    conn.execute(update(revision).where(revision.c.followed < value).values(followed=value))


def changed(conn: Connection, *, after: tuple[int, str], limit: int) -> list[ChangedJob]:
    """Return the jobs that changed after this revision and name, by both: a page, the oldest change first."""
    value, name = after
    rows = conn.execute(_changed, {"value": value, "name": name, "most": limit})
    return [ChangedJob(name=row.name, revision=row.revision, listens=row.listens) for row in rows]


def of_jobs(conn: Connection, names: Iterable[str]) -> dict[str, int]:
    """Return the revision of the last change of these jobs; those that there are not are left out."""
    return {name: value for batch in batches(names) for name, value in conn.execute(_of_jobs, {"names": batch})}


def listening(conn: Connection) -> dict[str, int]:
    """Return the revision of each job that waits for events."""
    return {row.name: row.revision for row in conn.execute(_listening)}


def paused(conn: Connection) -> Pause | None:
    """Return since when everything is paused, None if it is not."""
    return read(conn).pause


def pause_everything(conn: Connection, *, person: str, reason: str | None = None, at: int) -> bool:
    """Let nothing new start until `resume_everything`; return whether that is new."""
    if paused(conn) is not None:
        return False
    take_next(conn)
    conn.execute(update(revision).values(paused_at=at, paused_by=person, paused_reason=reason))
    switches.record(conn, [switches.EVERYTHING], False, at=at, person=person, reason=reason)
    return True


def resume_everything(conn: Connection, *, person: str, at: int) -> bool:
    """Let things start again; return whether they were paused."""
    if paused(conn) is None:
        return False
    take_next(conn)
    conn.execute(update(revision).values(paused_at=None, paused_by=None, paused_reason=None))
    switches.record(conn, [switches.EVERYTHING], True, at=at, person=person, reason=None)
    return True
