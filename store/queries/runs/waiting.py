"""Runs that wait start: in the slot that they are given, or when their turn within a rate limit has come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Connection, bindparam, func, literal_column, select, update

from rota.messages import TaskMessage
from rota.runs import person_of, plain_text
from store.batches import batches
from store.encoding import load_cause, load_message, loads
from store.queries.runs.lines import READY
from store.records import Promotion, WaitingDetail
from store.tables import runs, tasks

_ids: BindParameter[list[str]] = bindparam("ids", expanding=True)
# As it stands in the condition of a partial index.
_has_turn: ColumnElement[bool] = literal_column("(runs.state = 'waiting' AND runs.start_at IS NOT NULL)")
_due = (
    select(runs.c.id)
    .where(_has_turn, READY, runs.c.wait_key.is_(None), runs.c.start_at <= bindparam("at"))
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
    select(runs.c.id, runs.c.job, runs.c.job_version, runs.c.owner, runs.c.cause, runs.c.params, runs.c.start_at)
    .where(runs.c.id.in_(_ids), READY)
    .order_by(runs.c.id)
    .with_for_update()
)
_promote = (
    update(runs)
    .where(runs.c.id == bindparam("of_run"), READY)
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
    .where(runs.c.id == bindparam("of_run"), READY)
    .values(
        # Its time limit counts from its turn.
        timeout_at=runs.c.timeout_at + bindparam("begins") - runs.c.start_at,
        start_at=bindparam("begins"),
    )
)
_begin = update(runs).where(runs.c.id.in_(_ids), READY).values(state="queued")
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
        for run, job, version, owner, cause, params, start_at in conn.execute(_locked_runs, {"ids": batch}):
            found[run] = WaitingDetail(
                run=run,
                job=job,
                job_version=version,
                person=person_of(load_cause(cause), owner),
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
