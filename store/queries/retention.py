"""What keeps the history from growing for ever: each call removes one bounded batch, in a transaction of its own.

`Removed.more` says that there may be more of the same. Only ended runs are ever removed, failed ones like others.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    or_,
    select,
)
from sqlalchemy.sql.schema import Table

from store.batches import BATCH
from store.queries.runs.removal import remove_runs
from store.records import Removed
from store.tables import audit, events, gathered, job_versions, jobs, log_lines, runs, switches, tokens, windows

# Lines summed up in one statement: about 20 ms.
_WINDOW = 20_000
# What a line takes besides its text, with its part of the indexes; about right on both databases.
_LINE_BYTES = 250

_window = (
    select(log_lines.c.seq, (func.length(log_lines.c.message) + _LINE_BYTES).label("size"))
    .where(log_lines.c.seq < bindparam("below"))
    .order_by(log_lines.c.seq.desc())
    .limit(_WINDOW)
    .subquery()
)
_running = select(_window.c.seq, func.sum(_window.c.size).over(order_by=_window.c.seq.desc()).label("size")).subquery()
_next_job = select(func.min(runs.c.job)).where(runs.c.job > bindparam("after"))
_of_job = select(runs.c.id).where(runs.c.job == bindparam("job")).order_by(runs.c.id)
_oldest = select(runs.c.queued_at).where(runs.c.id == _of_job.limit(1).scalar_subquery())
_beyond = _of_job.offset(bindparam("keep")).limit(1)
# The oldest line of the window, the size of them all, and the newest line that is too much.
_measured = select(
    func.min(_running.c.seq),
    func.max(_running.c.size),
    func.max(case((_running.c.size > bindparam("room", type_=BigInteger()), _running.c.seq))),
)


def prune_job(conn: Connection, job: str, *, keep: int, ended_before: int, limit: int = BATCH) -> Removed:
    """Remove the ended runs of a job that are older than its `keep` newest ones, or ended before this time."""
    of_job = and_(runs.c.job == job, runs.c.ended_at.is_not(None))
    # The newest run that is too many: it and all before it go.
    boundary = conn.scalar(select(runs.c.id).where(of_job).order_by(runs.c.id.desc()).offset(keep).limit(1))
    old = and_(runs.c.queued_at < ended_before, runs.c.ended_at < ended_before)
    beyond = old if boundary is None else or_(runs.c.id <= boundary, old)
    query = select(runs.c.id).where(of_job, beyond).order_by(runs.c.id).limit(limit)
    return _remove_runs(conn, list(conn.scalars(query)), limit)


def jobs_with_runs(conn: Connection, *, after: str = "", limit: int = BATCH) -> list[str]:
    """Return the names of jobs that have runs, deleted jobs included: a page; one look into the index for each."""
    found: list[str] = []
    while len(found) < limit and (name := conn.scalar(_next_job, {"after": after})) is not None:
        found.append(name)
        after = name
    return found


def has_too_much(conn: Connection, job: str, *, keep: int, ended_before: int) -> bool:
    """Return whether `prune_job` may find anything: two looks into indexes, so that most jobs cost no more."""
    oldest = conn.scalar(_oldest, {"job": job})
    if oldest is not None and oldest < ended_before:
        return True
    return conn.scalar(_beyond, {"job": job, "keep": keep}) is not None


def log_cutoff(conn: Connection, *, keep_bytes: int) -> int:
    """Return the number of the oldest log line that may stay, 0 if all may.

    It counts from the newest line back, window by window, so that no statement takes long.
    """
    room = keep_bytes
    below = 2**63 - 1
    while True:
        first, size, beyond = conn.execute(_measured, {"below": below, "room": room}).one()
        if first is None:
            return 0
        if beyond is not None:
            return int(beyond) + 1
        room -= int(size)
        below = first


def prune_log(conn: Connection, *, before_seq: int, limit: int = 5000) -> Removed:
    """Remove the oldest of the log lines whose number is lower than what `log_cutoff` said."""
    query = (
        select(log_lines.c.seq, func.length(log_lines.c.message))
        .where(log_lines.c.seq < before_seq)
        .order_by(log_lines.c.seq)
        .limit(limit)
    )
    found = conn.execute(query).all()
    if not found:
        return Removed()
    rows = conn.execute(delete(log_lines).where(log_lines.c.seq <= found[-1][0])).rowcount
    return Removed(rows=rows, bytes=sum(size for _, size in found), more=len(found) == limit)


def prune_events(conn: Connection, *, received_before: int, limit: int = BATCH) -> Removed:
    """Remove events that were received before this time; those that wait in a window for their run stay."""
    waits = exists().where(gathered.c.event == events.c.seq, windows.c.id == gathered.c.run)
    return _prune(conn, events, events.c.seq, and_(events.c.received_at < received_before, ~waits), limit)


def prune_audit(conn: Connection, *, before: int, limit: int = BATCH) -> Removed:
    """Remove deeds that are older than this time."""
    return _prune(conn, audit, audit.c.seq, audit.c.at < before, limit)


def prune_switches(conn: Connection, *, before: int, limit: int = BATCH) -> Removed:
    """Remove what is known of jobs that were switched before this time."""
    return _prune(conn, switches, switches.c.seq, switches.c.at < before, limit)


def prune_tokens(conn: Connection, *, expired_before: int, limit: int = BATCH) -> Removed:
    """Remove tokens that expired before this time."""
    return _prune(conn, tokens, tokens.c.id, tokens.c.expires_at < expired_before, limit)


def prune_versions(conn: Connection, *, saved_before: int) -> Removed:
    """Remove definitions that are not current, that no run follows, and that were saved before this time.

    The newest that a job had from each source stays: by it an upgrade, a file or a set sees what was changed elsewhere.
    """
    followed = exists().where(runs.c.job == job_versions.c.job, runs.c.job_version == job_versions.c.version)
    current = exists().where(jobs.c.name == job_versions.c.job, jobs.c.version == job_versions.c.version)
    # So the highest number of a deleted job stays too: a new job of that name goes on from there.
    newer = job_versions.alias("newer")
    newest = ~exists().where(
        newer.c.job == job_versions.c.job,
        newer.c.source == job_versions.c.source,
        newer.c.version > job_versions.c.version,
    )
    unused = and_(job_versions.c.at < saved_before, ~followed, ~current, ~newest)
    return Removed(rows=conn.execute(delete(job_versions).where(unused)).rowcount)


def _remove_runs(conn: Connection, ids: list[str], limit: int) -> Removed:
    removed = remove_runs(conn, ids)
    return Removed(runs=removed.runs, rows=removed.rows, bytes=removed.bytes, more=len(ids) == limit)


def _prune(conn: Connection, table: Table, key: Column[int], condition: ColumnElement[bool], limit: int) -> Removed:
    oldest = select(key).where(condition).order_by(key).limit(limit)
    rows = conn.execute(delete(table).where(key.in_(oldest))).rowcount
    return Removed(rows=rows, more=rows == limit)
