"""Windows: events that are gathered for one run, until it is quiet, too late, or enough."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import Connection, bindparam, case, delete, insert, null, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import Insert

from store.batches import batches
from store.bulk import Bulk
from store.records import Gathered, WindowRecord
from store.tables import gathered, windows


def _upsert(made: type[sqlite.Insert | postgresql.Insert]) -> Insert:
    insertion = made(windows)
    new = insertion.excluded
    return insertion.on_conflict_do_update(
        index_elements=("job", "trigger", "key"),
        set_={
            "count": windows.c.count + new.count,
            "due": case((new.due < windows.c.latest, new.due), else_=windows.c.latest),
        },
    ).returning(*windows.columns)


_gather = {"sqlite": _upsert(sqlite.Insert), "postgresql": _upsert(postgresql.Insert)}
_add_windows = Bulk(insert(windows))
_add_events = Bulk(insert(gathered))
_fill = Bulk(
    update(windows)
    .where(windows.c.id == bindparam("of_window"))
    .values(key=null(), due=bindparam("to_due"), count=bindparam("to_count"))
)
_upcoming = (
    select(windows.c.id, windows.c.due)
    .where(windows.c.due <= bindparam("before"))
    .order_by(windows.c.due)
    .limit(bindparam("most"))
)
_lock = (
    select(windows)
    .where(windows.c.id.in_(bindparam("ids", expanding=True)))
    # In one order, so that two schedulers cannot deadlock with each other.
    .order_by(windows.c.job, windows.c.trigger, windows.c.key, windows.c.id)
    .with_for_update()
)
_drop = delete(windows).where(windows.c.id.in_(bindparam("ids", expanding=True)))


def gather(conn: Connection, opened: Sequence[WindowRecord]) -> list[WindowRecord]:
    """Let events into windows, and return the windows as they are now, in the order given.

    Each of `opened` is the window as it is when there is none yet of its job, trigger and key; `count` says how many
    events came. One that is there counts them, and is due as late as this one, but not later than its `latest`. What
    is returned stays locked until the transaction ends.
    """
    if not opened:
        return []
    places = {(one.job, one.trigger, one.key): n for n, one in enumerate(opened)}
    # In one order, so that two schedulers cannot deadlock with each other.
    rows = [msgspec.structs.asdict(opened[places[place]]) for place in sorted(places)]
    found = [WindowRecord(**row) for row in conn.execute(_gather[conn.dialect.name], rows).mappings()]
    return sorted(found, key=lambda one: places[one.job, one.trigger, one.key])


def fill(conn: Connection, full: Sequence[WindowRecord]) -> None:
    """Let no more events into these windows, so that the next one may open; they are due and count as given."""
    if full:
        _fill.execute(conn, [{"of_window": one.id, "to_due": one.due, "to_count": one.count} for one in full])


def add(conn: Connection, opened: Sequence[WindowRecord]) -> None:
    """Add windows of which it is known that there is none of their key."""
    if opened:
        _add_windows.execute(conn, [msgspec.structs.asdict(one) for one in opened])


def add_events(conn: Connection, entries: Sequence[Gathered]) -> None:
    """Write which events windows were given, and at which places."""
    if entries:
        _add_events.execute(conn, [msgspec.structs.asdict(one) for one in entries])


def upcoming(conn: Connection, *, before: int, limit: int) -> list[tuple[str, int]]:
    """Return the ids and due times of windows that are due by this time, the earliest first."""
    return [(window, due) for window, due in conn.execute(_upcoming, {"before": before, "most": limit})]


def lock(conn: Connection, window_ids: Iterable[str]) -> list[WindowRecord]:
    """Return those of these windows that are there, locked until the transaction ends."""
    return [
        WindowRecord(**row)
        for batch in batches(sorted(window_ids))
        for row in conn.execute(_lock, {"ids": batch}).mappings()
    ]


def drop(conn: Connection, window_ids: Iterable[str]) -> None:
    """Remove windows that have become runs; which events they had stays known by the run's id, which is theirs."""
    for batch in batches(window_ids):
        conn.execute(_drop, {"ids": batch})
