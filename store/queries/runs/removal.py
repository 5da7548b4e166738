"""The end of history: ended runs go with all that hangs on them, in bounded batches."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import BindParameter, Connection, bindparam, delete, func, select

from store.batches import BATCH, batches
from store.cursors import page_limit
from store.records import Removed
from store.tables import ENDED_STATES, attempts, gathered, log_lines, runs, tasks

_ids: BindParameter[list[str]] = bindparam("ids", expanding=True)
_log_size = select(func.coalesce(func.sum(func.length(log_lines.c.message)), 0)).where(log_lines.c.run.in_(_ids))
# Children first: the foreign keys would do the same, one row at a time.
_deletions = (
    delete(log_lines).where(log_lines.c.run.in_(_ids)),
    delete(attempts).where(attempts.c.task.in_(select(tasks.c.id).where(tasks.c.run.in_(_ids)))),
    delete(tasks).where(tasks.c.run.in_(_ids)),
    delete(gathered).where(gathered.c.run.in_(_ids)),
)
_delete_runs = delete(runs).where(runs.c.id.in_(_ids))


def remove_runs(conn: Connection, run_ids: Sequence[str]) -> Removed:
    """Remove these runs with their tasks, attempts and log lines; `bytes` counts the text of the log."""
    removed = Removed()
    for ids in batches(run_ids):
        size: int = conn.execute(_log_size, {"ids": ids}).scalar_one()
        rows = sum(conn.execute(statement, {"ids": ids}).rowcount for statement in _deletions)
        gone = conn.execute(_delete_runs, {"ids": ids}).rowcount
        removed = Removed(runs=removed.runs + gone, rows=removed.rows + rows + gone, bytes=removed.bytes + int(size))
    return removed


def clear_history(conn: Connection, job: str, *, limit: int = BATCH) -> Removed:
    """Remove the oldest ended runs of a job, at most `limit`.

    While there are more, call it again in a new transaction.
    """
    count = page_limit(limit)
    query = (
        select(runs.c.id).where(runs.c.job == job, runs.c.state.in_(ENDED_STATES)).order_by(runs.c.id).limit(count + 1)
    )
    ids = list(conn.scalars(query))
    removed = remove_runs(conn, ids[:count])
    return Removed(runs=removed.runs, rows=removed.rows, bytes=removed.bytes, more=len(ids) > count)
