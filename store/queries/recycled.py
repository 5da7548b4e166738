"""What is in the bins: since when, from where, by whom; and which task is taking what out.

A record is claimed by the task that takes its item out of the bin, in one statement, so that of several tasks one has
it. A claim counts as long as its task has not ended; the next task that wants the item takes it over after that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Row,
    bindparam,
    delete,
    exists,
    func,
    or_,
    select,
    tuple_,
    update,
)

from store import dialects
from store.batches import batches
from store.encoding import dumps_or_none, loads
from store.records import RecycledRecord
from store.tables import ENDED_STATES, bins, recycled, tasks

_LOOK = ("size", "modified_ns", "inode", "device", "etag")
_FACTS = ("original_path", "kind", "items", "bytes", "deleted_at", "deleted_by", "run", "bin", "origin", "keep_until")
_ids: BindParameter[list[int]] = bindparam("ids", expanding=True)
_of = recycled.c.datasource == bindparam("of")
_columns = [column for column in recycled.c if column.name != "datasource"]
_add = dialects.upsert(recycled, key=("datasource", "bin_path"), update=(*_FACTS, *_LOOK))
_add_new = dialects.insert_new(recycled)
_open_task = exists().where(tasks.c.id == recycled.c.claimed_by, tasks.c.state.not_in(ENDED_STATES))
# Nobody's, this task's, or one that has ended and so has nobody who would come back for it.
_free = or_(recycled.c.claimed_by.is_(None), recycled.c.claimed_by == bindparam("task"), ~_open_task)
_claim = (
    update(recycled)
    .where(_of, recycled.c.id.in_(_ids), _free)
    .values(claimed_by=bindparam("task"), claimed_for=bindparam("purpose"))
    .returning(*_columns)
)
_mine_or_free = or_(recycled.c.claimed_by.is_(None), recycled.c.claimed_by == bindparam("task"))
_unclaimed = {"claimed_by": None, "claimed_for": None}
_release = (
    update(recycled).where(_of, recycled.c.id.in_(_ids), recycled.c.claimed_by == bindparam("task")).values(_unclaimed)
)
_remove = delete(recycled).where(_of, recycled.c.id.in_(_ids), _mine_or_free)
_outline = [
    recycled.c.id,
    recycled.c.original_path,
    recycled.c.kind,
    recycled.c.bytes,
    recycled.c.deleted_at,
    recycled.c.deleted_by,
    recycled.c.bin,
    recycled.c.keep_until,
    recycled.c.hold.is_not(None),
    recycled.c.claimed_by.is_not(None),
]
_place = [recycled.c.id, recycled.c.bin_path, recycled.c.claimed_by.is_not(None), recycled.c.hold.is_not(None)]
_state = dialects.upsert(bins, key=("datasource",), update=("last_purge",))
_doubt = dialects.upsert(bins, key=("datasource",), update=("doubt",))


def add(conn: Connection, datasource: str, items: Sequence[RecycledRecord]) -> None:
    """Add items that went into the bin of a datasource; one that is known already is brought up to this."""
    if items:
        conn.execute(_add[conn.dialect.name], _rows(datasource, items))


def add_new(conn: Connection, datasource: str, items: Sequence[RecycledRecord]) -> int:
    """Add those of these items that are not known, and return how many they were."""
    return conn.execute(_add_new[conn.dialect.name], _rows(datasource, items)).rowcount if items else 0


def count(conn: Connection, datasource: str) -> int:
    """Return how many items of a bin are known."""
    return conn.scalar(select(func.count()).where(recycled.c.datasource == datasource)) or 0


def outlines(
    conn: Connection, datasource: str, *, after: tuple[int, int] | None, limit: int
) -> Sequence[Row[tuple[Any, ...]]]:
    """Return what rules ask about some items, the oldest deletion first; `after` is time and number of one.

    Each is (number, original path, kind, bytes, deleted at, deleted by, bin, keep until, held, claimed).
    """
    query = select(*_outline).where(recycled.c.datasource == datasource)
    if after is not None:
        query = query.where(tuple_(recycled.c.deleted_at, recycled.c.id) > tuple_(*after))
    return conn.execute(query.order_by(recycled.c.deleted_at, recycled.c.id).limit(limit)).all()


def places(
    conn: Connection, datasource: str, *, after: bytes | None, limit: int
) -> Sequence[tuple[int, bytes, bool, bool]]:
    """Return number, path within the bin, and whether a task claims it and somebody holds it, of some items by path."""
    query = select(*_place).where(recycled.c.datasource == datasource)
    if after is not None:
        query = query.where(recycled.c.bin_path > after)
    return [tuple(row) for row in conn.execute(query.order_by(recycled.c.bin_path).limit(limit))]


def find(conn: Connection, datasource: str, ids: Iterable[int]) -> list[RecycledRecord]:
    """Return those of these items that are known, by their numbers."""
    query = select(*_columns).where(_of, recycled.c.id.in_(_ids)).order_by(recycled.c.id)
    return [
        RecycledRecord(**row)
        for some in batches(ids)
        for row in conn.execute(query, {"of": datasource, "ids": some}).mappings()
    ]


def in_folders(conn: Connection, datasource: str, names: Iterable[bytes]) -> list[RecycledRecord]:
    """Return the items that lie in these folders of the bin."""
    found: list[RecycledRecord] = []
    for some in batches(names, 100):
        query = select(*_columns).where(recycled.c.datasource == datasource, or_(*map(_inside, some)))
        found += [RecycledRecord(**row) for row in conn.execute(query).mappings()]
    return found


def deleted_from(conn: Connection, datasource: str, paths: Iterable[bytes]) -> dict[bytes, RecycledRecord]:
    """Return by its path what was deleted last at each of these paths."""
    found: dict[bytes, RecycledRecord] = {}
    for some in batches(paths):
        query = select(*_columns).where(recycled.c.datasource == datasource, recycled.c.original_path.in_(some))
        for row in conn.execute(query.order_by(recycled.c.deleted_at, recycled.c.id)).mappings():
            found[row["original_path"]] = RecycledRecord(**row)
    return found


def leftovers(conn: Connection, datasource: str, *, task: str) -> list[RecycledRecord]:
    """Return what this task, or one that has ended, has claimed and not let go."""
    query = select(*_columns).where(_of, recycled.c.claimed_by.is_not(None), _free).order_by(recycled.c.id)
    return [RecycledRecord(**row) for row in conn.execute(query, {"of": datasource, "task": task}).mappings()]


def claim(
    conn: Connection, datasource: str, ids: Sequence[int], *, task: str, purpose: str, at: int | None = None
) -> list[RecycledRecord]:
    """Claim those of these items that no other open task has, and return them.

    For a purge only those that nobody holds, and with `at` those that came by then and need not be kept until later.
    """
    statement = _claim
    if purpose == "purge":
        statement = statement.where(recycled.c.hold.is_(None))
    if at is not None:
        is_due = or_(recycled.c.keep_until.is_(None), recycled.c.keep_until <= at)
        statement = statement.where(recycled.c.deleted_at <= at, is_due)
    given = {"of": datasource, "task": task, "purpose": purpose}
    claimed = [
        RecycledRecord(**row)
        for some in batches(ids)
        for row in conn.execute(statement, {**given, "ids": some}).mappings()
    ]
    order = {number: place for place, number in enumerate(ids)}
    return sorted(claimed, key=lambda record: order[record.id or 0])


def release(conn: Connection, datasource: str, ids: Iterable[int], *, task: str) -> None:
    """Give up what this task has claimed."""
    for some in batches(ids):
        conn.execute(_release, {"of": datasource, "task": task, "ids": some})


def remove(conn: Connection, datasource: str, ids: Iterable[int], *, task: str) -> None:
    """Forget items, unless another task has claimed them."""
    for some in batches(ids):
        conn.execute(_remove, {"of": datasource, "task": task, "ids": some})


def renew(conn: Connection, datasource: str, items: Iterable[RecycledRecord], *, task: str) -> None:
    """Take over how items look now and since when they count, and give up this task's claims on them."""
    names = (*_LOOK, "deleted_at", "items", "bytes", "kind")
    for item in items:
        values = {name: getattr(item, name) for name in names}
        conn.execute(
            update(recycled)
            .where(recycled.c.datasource == datasource, recycled.c.id == item.id, recycled.c.claimed_by == task)
            .values({**values, **_unclaimed})
        )


def state(conn: Connection, datasource: str) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Return what is remembered of the last purge, and of what it held back."""
    found = conn.execute(select(bins.c.last_purge, bins.c.doubt).where(bins.c.datasource == datasource)).one_or_none()
    return (None, None) if found is None else (loads(found.last_purge), loads(found.doubt))


def set_last_purge(conn: Connection, datasource: str, said: Mapping[str, Any]) -> None:
    """Remember a purge."""
    conn.execute(_state[conn.dialect.name], {"datasource": datasource, "last_purge": dumps_or_none(said)})


def set_doubt(conn: Connection, datasource: str, said: Mapping[str, Any] | None) -> None:
    """Remember what a purge held back, or that nothing is."""
    conn.execute(_doubt[conn.dialect.name], {"datasource": datasource, "doubt": dumps_or_none(said)})


def _rows(datasource: str, items: Sequence[RecycledRecord]) -> list[dict[str, Any]]:
    rows = [{"datasource": datasource, **msgspec.structs.asdict(item)} for item in items]
    for row in rows:
        del row["id"]
    return rows


def _inside(name: bytes) -> ColumnElement[bool]:
    # "0" is the byte after "/".
    return (recycled.c.bin_path > name + b"/") & (recycled.c.bin_path < name + b"0")
