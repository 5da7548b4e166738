"""The slots of limited keys: who holds them, and who waits in line for one.

Whoever changes who holds or waits decides by what it reads here, so it calls `hold_keys` first. The unique indexes over
slots and places stand behind that: what this got wrong would be refused, not written.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import BindParameter, Connection, and_, bindparam, case, func, select

from store.batches import batches
from store.locks import hold
from store.records import LineRecord, SlotRecord, WaitingRun
from store.tables import runs, tasks

_keys: BindParameter[list[str]] = bindparam("keys", expanding=True)
_ids: BindParameter[list[str]] = bindparam("ids", expanding=True)
#: Waits, and could start at once; paused ones wait too.
READY = and_(runs.c.state == "waiting", runs.c.cancel_requested == 0)
_holders = select(runs.c.slot_key, runs.c.slot_no, runs.c.id, runs.c.job, runs.c.cancel_requested).where(
    runs.c.slot_key.is_not(None), runs.c.slot_key.in_(_keys)
)
_keys_of = (
    select(runs.c.slot_key)
    .join(tasks, tasks.c.run == runs.c.id)
    .where(tasks.c.id.in_(_ids), runs.c.slot_key.is_not(None))
    .distinct()
)
_lines = (
    select(
        runs.c.wait_key,
        func.count(),
        func.min(runs.c.id),
        func.count(case((READY, 1))),
        func.coalesce(func.max(case((READY, runs.c.wait_limit))), 0),
    )
    .where(runs.c.wait_key.is_not(None), runs.c.wait_key.in_(_keys))
    .group_by(runs.c.wait_key)
)
_in_line = (
    select(runs.c.id).where(runs.c.wait_key.is_not(None), runs.c.wait_key == bindparam("key")).order_by(runs.c.id)
)
_first_key = select(func.min(runs.c.wait_key)).where(runs.c.wait_key.is_not(None))
# From key to key by the index: a thousand runs that wait for one key are stepped over, not read.
_key_after = select(_first_key.where(runs.c.wait_key > bindparam("after")).scalar_subquery().label("key")).cte(
    "keys", recursive=True
)
_key_after = _key_after.union_all(
    select(_first_key.where(runs.c.wait_key > _key_after.c.key).scalar_subquery()).where(_key_after.c.key.is_not(None))
)
_widest = (
    select(func.max(runs.c.wait_limit))
    .where(runs.c.wait_key.is_not(None), runs.c.wait_key == _key_after.c.key, READY)
    .scalar_subquery()
)
_next_keys = (
    select(_key_after.c.key, func.coalesce(_widest, 0).label("widest"))
    .where(_key_after.c.key.is_not(None))
    .limit(bindparam("most"))
)
_rank = case((runs.c.priority == "high", 0), (runs.c.priority == "normal", 1), else_=2)
# Jobs that share a key may allow different numbers: the first of each number are among those that may be next.
_ranked = (
    select(
        runs.c.id,
        runs.c.wait_key,
        runs.c.wait_limit,
        runs.c.priority,
        func.row_number()
        .over(partition_by=(runs.c.wait_key, runs.c.wait_limit), order_by=(_rank, runs.c.id))
        .label("place"),
    )
    .where(runs.c.wait_key.is_not(None), runs.c.wait_key.in_(_keys), READY)
    .subquery()
)
_next = select(_ranked.c.id, _ranked.c.wait_key, _ranked.c.wait_limit, _ranked.c.priority).where(
    _ranked.c.place <= bindparam("most")
)


def hold_keys(conn: Connection, keys: Iterable[str]) -> None:
    """Keep others from deciding about these keys until the transaction ends."""
    hold(conn, (f"limit:{key}" for key in keys))


def hold_keys_of(conn: Connection, task_ids: Iterable[str]) -> None:
    """Do so for the keys whose slots the runs of these tasks hold, before those tasks are locked.

    The other way round it would deadlock with an admission that ends a run to take its slot.
    """
    if conn.dialect.name != "postgresql":
        return
    hold_keys(conn, [key for ids in batches(task_ids) for key in conn.scalars(_keys_of, {"ids": ids})])


def slots(conn: Connection, keys: Iterable[str]) -> dict[str, list[SlotRecord]]:
    """Return the slots of these keys that are held, and by whom."""
    found: dict[str, list[SlotRecord]] = {key: [] for key in keys}
    for batch in batches(found):
        for key, number, run, job, asked in conn.execute(_holders, {"keys": batch}):
            found[key].append(SlotRecord(key=key, number=number, run=run, job=job, cancelled=asked == 1))
    return found


def lines(conn: Connection, keys: Iterable[str]) -> dict[str, LineRecord]:
    """Return how many wait, for those of these keys that somebody waits for."""
    found: dict[str, LineRecord] = {}
    for batch in batches(keys):
        for key, count, first, ready, widest in conn.execute(_lines, {"keys": batch}):
            found[key] = LineRecord(count=count, first=first, ready=ready, widest=widest)
    return found


def in_line(conn: Connection, key: str) -> list[str]:
    """Return the runs that wait for a key, paused ones too, in the order of their admission."""
    return list(conn.scalars(_in_line, {"key": key}))


def waited_for(conn: Connection, *, after: str = "", limit: int = 100) -> dict[str, int]:
    """Return keys that somebody waits for, in order, behind the last of the page before.

    With each the most slots that any of them may use who could start at once; 0 where all of them are paused.
    """
    return {row.key: row.widest for row in conn.execute(_next_keys, {"after": after, "most": limit})}


def next_in_line(conn: Connection, keys: Iterable[str], *, limit: int = 100) -> list[WaitingRun]:
    """Return those that could start next: of each key, and each number of slots that jobs allow it, the first few."""
    return [
        WaitingRun(run=run, key=key, limit=most, priority=priority)
        for batch in batches(keys)
        for run, key, most, priority in conn.execute(_next, {"keys": batch, "most": limit})
    ]
