"""Folders that changed in the catalog since they were indexed.

They are written in the transaction of the change itself (`catalog_changes`), so none is forgotten; whoever has indexed
one settles it by the mark that it saw, so a change that came meanwhile stays.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from random import getrandbits

import sqlalchemy
from sqlalchemy import Connection, bindparam, func, select

from store import dialects
from store.records import Lag, StaleFolder
from store.tables import stale_folders

_next = select(stale_folders.c.path, stale_folders.c.mark).where(stale_folders.c.datasource == bindparam("datasource"))
_among = select(stale_folders.c.path).where(
    stale_folders.c.datasource == bindparam("datasource"), stale_folders.c.path.in_(bindparam("paths", expanding=True))
)
_settle = sqlalchemy.delete(stale_folders).where(
    stale_folders.c.datasource == bindparam("of_datasource"),
    stale_folders.c.path == bindparam("of_path"),
    stale_folders.c.mark == bindparam("of_mark"),
)
_mark = dialects.upsert(stale_folders, key=("datasource", "path"), update=("mark",))
_lags = (
    select(stale_folders.c.datasource, func.count(), func.min(stale_folders.c.since))
    .group_by(stale_folders.c.datasource)
    .order_by(stale_folders.c.datasource)
)


def next_stale(
    conn: Connection, datasource: str, *, after: bytes | None = None, limit: int = 1_000
) -> list[StaleFolder]:
    """Return the next stale folders in the order of paths; `after` is the path of the last one known already."""
    query = _next if after is None else _next.where(stale_folders.c.path > after)
    found = conn.execute(query.order_by(stale_folders.c.path).limit(limit), {"datasource": datasource})
    return [StaleFolder(path, mark) for path, mark in found]


def among(conn: Connection, datasource: str, folders: Collection[bytes]) -> set[bytes]:
    """Return those of these few folders that are stale."""
    return set(conn.scalars(_among, {"datasource": datasource, "paths": list(folders)})) if folders else set()


def settle(conn: Connection, datasource: str, folders: Sequence[StaleFolder]) -> None:
    """These folders are indexed as they were when they had these marks; what changed since stays stale."""
    if folders:
        rows = [{"of_datasource": datasource, "of_path": path, "of_mark": mark} for path, mark in folders]
        conn.execute(_settle, rows)


def mark(conn: Connection, datasource: str, paths: Iterable[bytes], *, at: int) -> None:
    """Have these folders indexed again."""
    rows = [{"datasource": datasource, "path": path, "mark": getrandbits(63), "since": at} for path in set(paths)]
    if rows:
        conn.execute(_mark[conn.dialect.name], rows)


def clear(conn: Connection, datasource: str) -> None:
    """Nothing of a datasource is stale any more."""
    conn.execute(sqlalchemy.delete(stale_folders).where(stale_folders.c.datasource == datasource))


def lag(conn: Connection, datasource: str) -> Lag:
    """Return how far the index of a datasource is behind its catalog."""
    found = conn.execute(_lags.where(stale_folders.c.datasource == datasource)).one_or_none()
    return Lag(datasource, 0, None) if found is None else Lag(*found)


def lags(conn: Connection) -> list[Lag]:
    """Return how far the indexes are behind, of those that are, by datasource."""
    return [Lag(*row) for row in conn.execute(_lags)]
