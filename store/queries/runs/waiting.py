"""The slots of limited keys: who holds them, who waits for one, and how those that waited start.

Whoever changes who holds or waits decides by what it reads here, so it calls `hold_keys` first. The unique indexes over
slots and places stand behind that: what this got wrong would be refused, not written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    and_,
    bindparam,
    case,
    func,
    literal_column,
    select,
    update,
)

from rota.messages import TaskMessage
from rota.runs import plain_text
from store.batches import batches
from store.encoding import load_message, loads
from store.locks import hold
from store.records import LineRecord, Promotion, SlotRecord, WaitingDetail, WaitingRun
from store.tables import runs, tasks

_keys: BindParameter[list[str]] = bindparam("keys", expanding=True)
_ids: BindParameter[list[str]] = bindparam("ids", expanding=True)
_ready = and_(runs.c.state == "waiting", runs.c.cancel_requested == 0)
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
        func.count(case((_ready, 1))),
        func.coalesce(func.max(case((_ready, runs.c.wait_limit))), 0),
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
    .where(runs.c.wait_key.is_not(None), runs.c.wait_key == _key_after.c.key, _ready)
    .scalar_subquery()
)
_next_keys = (
    select(_key_after.c.key, func.coalesce(_widest, 0).label("widest")).where(_key_after.c.key.is_not(None)).limit(bindparam("most"))
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
    .where(runs.c.wait_key.is_not(None), runs.c.wait_key.in_(_keys), _ready)
    .subquery()
)
_next = select(_ranked.c.id, _ranked.c.wait_key, _ranked.c.wait_limit, _ranked.c.priority).where(
    _ranked.c.place <= bindparam("most")
)
# As it stands in the condition of a partial index.
_has_turn: ColumnElement[bool] = literal_column("(runs.state = 'waiting' AND runs.start_at IS NOT NULL)")
_due = (
    select(runs.c.id)
    .where(_has_turn, _ready, runs.c.wait_key.is_(None), runs.c.start_at <= bindparam("at"))
    .order_by(runs.c.start_at, runs.c.id)
    .limit(bindparam("most"))
)
_next_turn = select(func.min(runs.c.start_at)).where(_has_turn, runs.c.start_at > bindparam("after"))
# Tasks before runs, as everywhere; what is cancelled or paused in this moment is seen afterwards.
_locked_tasks = (
    select(tasks.c.run, tasks.c.state, tasks.c.message)
    .where(tasks.c.run.in_(_ids))
    .order_by(tasks.c.id)
    .with_for_update()
)
_locked_runs = (
    select(runs.c.id, runs.c.job, runs.c.job_version, runs.c.params, runs.c.start_at)
    .where(runs.c.id.in_(_ids), _ready)
    .order_by(runs.c.id)
    .with_for_update()
)
_promote = (
    update(runs)
    .where(runs.c.id == bindparam("of_run"), _ready)
    .values(
        state=bindparam("to_state"),
        reason=None,
        slot_key=runs.c.wait_key,
        slot_no=bindparam("number"),
        wait_key=None,
        wait_no=None,
        wait_limit=None,
        start_at=bindparam("begins"),
        timeout_at=bindparam("over"),
    )
)
_put_off = (
    update(runs)
    .where(runs.c.id == bindparam("of_run"), _ready)
    .values(
        # Its time limit counts from its turn.
        timeout_at=runs.c.timeout_at + bindparam("begins") - runs.c.start_at,
        start_at=bindparam("begins"),
    )
)
_begin = update(runs).where(runs.c.id.in_(_ids), _ready).values(state="queued")
_queue_tasks = (
    update(tasks)
    .where(tasks.c.run.in_(_ids), tasks.c.state == "waiting", tasks.c.message.is_not(None))
    .values(state="queued", queued_at=bindparam("at"))
)
_skip_tasks = (
    update(tasks)
    .where(tasks.c.run == bindparam("of_run"), tasks.c.state == "waiting")
    .values(state="skipped", ended_at=bindparam("at"), reason=bindparam("why"))
)
_skip_run = (
    update(runs)
    .where(runs.c.id == bindparam("of_run"), runs.c.ended_at.is_(None))
    .values(
        state="skipped",
        ended_at=bindparam("at"),
        reason=bindparam("why"),
        wait_key=None,
        wait_no=None,
        wait_limit=None,
    )
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


def due_in_line(conn: Connection, *, at: int, limit: int = 100) -> list[str]:
    """Return runs that waited for nothing but their turn, which has come by this time, in the order of their turns."""
    return list(conn.scalars(_due, {"at": at, "most": limit}))


def next_turn(conn: Connection, *, after: int) -> int | None:
    """Return when the first turn later than this one comes that somebody waits for, None if there is none."""
    turn: int | None = conn.scalar(_next_turn, {"after": after})
    return turn


def lock_waiting(conn: Connection, run_ids: Iterable[str]) -> dict[str, WaitingDetail]:
    """Lock runs that are about to start and return those that still may."""
    found: dict[str, WaitingDetail] = {}
    for batch in batches(run_ids):
        messages: dict[str, list[TaskMessage]] = {}
        for run, state, text in conn.execute(_locked_tasks, {"ids": batch}):
            message = load_message(text)
            if state == "waiting" and message is not None:
                messages.setdefault(run, []).append(message)
        for run, job, version, params, start_at in conn.execute(_locked_runs, {"ids": batch}):
            found[run] = WaitingDetail(
                run=run,
                job=job,
                job_version=version,
                params=loads(params),
                messages=tuple(messages.get(run, ())),
                start_at=start_at,
            )
    return found


def promote(conn: Connection, promotions: Sequence[Promotion], *, at: int) -> None:
    """Give runs that `lock_waiting` has returned their slots, and queue what they begin with."""
    for batch in batches(promotions):
        conn.execute(_queue_tasks, {"ids": [one.run for one in batch if one.queued], "at": at})
        conn.execute(_promote, list(map(_promotion_row, batch)))


def put_off(conn: Connection, turns: Mapping[str, int]) -> None:
    """Give runs that `lock_waiting` has returned and that missed their turns later ones (ms)."""
    if turns:
        conn.execute(_put_off, [{"of_run": run, "begins": turn} for run, turn in turns.items()])


def begin(conn: Connection, run_ids: Iterable[str], *, at: int) -> None:
    """Queue what runs begin with that `lock_waiting` has returned and whose turn has come."""
    for batch in batches(run_ids):
        conn.execute(_queue_tasks, {"ids": batch, "at": at})
        conn.execute(_begin, {"ids": batch})


def skip_waiting(conn: Connection, run_id: str, *, at: int, reason: str) -> None:
    """End a run that `lock_waiting` has returned, because it may not start after all."""
    values = {"of_run": run_id, "at": at, "why": plain_text(reason)}
    conn.execute(_skip_tasks, values)
    conn.execute(_skip_run, values)


def _promotion_row(one: Promotion) -> dict[str, Any]:
    return {
        "of_run": one.run,
        "to_state": "queued" if one.queued else "waiting",
        "number": one.slot_no,
        "begins": one.start_at,
        "over": one.timeout_at,
    }
