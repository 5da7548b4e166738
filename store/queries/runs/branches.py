"""The branches of steps with for_each: made of their waiting task, counted, released in order, and read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, update

from rota.runs import Failure, plain_text
from rota.states import RunState
from store.batches import batches
from store.bulk import Bulk
from store.encoding import load_failure, loads
from store.queries.runs.admission import task_row
from store.records import BranchRecord, Fan
from store.tables import runs, tasks

#: Results read at a time: each may take 64 KB.
_PAGE = 50

_take_place = (
    update(tasks)
    .where(tasks.c.id == bindparam("of_task"), tasks.c.state == "waiting", tasks.c.branch < 0)
    .values(
        branch=0,
        item=bindparam("item_json"),
        state=bindparam("to_state"),
        message=bindparam("message_json"),
        queue=bindparam("to_queue"),
        queued_at=bindparam("at"),
    )
)
_insert = Bulk(insert(tasks))
_count_more = (
    update(runs).where(runs.c.id == bindparam("of_run")).values(task_count=runs.c.task_count + bindparam("more"))
)
_counts = (
    select(tasks.c.run, tasks.c.step, tasks.c.state, func.count())
    .where(tasks.c.run.in_(bindparam("ids", expanding=True)), tasks.c.branch >= 0)
    .group_by(tasks.c.run, tasks.c.step, tasks.c.state)
)
_of_step = (tasks.c.run == bindparam("of_run"), tasks.c.step == bindparam("of_step"), tasks.c.branch >= 0)
_waiting = (
    select(tasks.c.id, tasks.c.branch, tasks.c.item)
    .where(*_of_step, tasks.c.state == "waiting", tasks.c.branch > bindparam("after"))
    .order_by(tasks.c.branch)
    .limit(bindparam("most"))
)
_results = (
    select(tasks.c.result).where(*_of_step, tasks.c.branch >= bindparam("first")).order_by(tasks.c.branch).limit(_PAGE)
)
_failure = select(tasks.c.error).where(*_of_step, tasks.c.state == "failed").order_by(tasks.c.branch).limit(1)
_skip = (
    update(tasks)
    .where(*_of_step, tasks.c.state == "waiting")
    .values(state="skipped", reason=bindparam("why"), ended_at=bindparam("at"))
)


def fan_out(conn: Connection, fans: Iterable[Fan]) -> None:
    """Make the waiting tasks of steps their branches; what does not wait any more is left alone."""
    for fan in fans:
        rows = [task_row(task, fan.at) for task in fan.branches]
        first = rows[0]
        taken = conn.execute(
            _take_place,
            {
                "of_task": first["id"],
                "item_json": first["item"],
                "to_state": first["state"],
                "message_json": first["message"],
                "to_queue": first["queue"],
                "at": first["queued_at"],
            },
        ).rowcount
        if taken and len(rows) > 1:
            _insert.execute(conn, rows[1:])
            count_more(conn, fan.run, len(rows) - 1)


def count_more(conn: Connection, run: str, more: int) -> None:
    """Remember that a run has more tasks than it was admitted with."""
    conn.execute(_count_more, {"of_run": run, "more": more})


def branch_counts(conn: Connection, run_ids: Iterable[str]) -> dict[str, dict[str, dict[RunState, int]]]:
    """Return, for each run and each step of it that has branches, how many of them are in which state."""
    found: dict[str, dict[str, dict[RunState, int]]] = {}
    for ids in batches(run_ids):
        for run, step, state, count in conn.execute(_counts, {"ids": ids}):
            found.setdefault(run, {}).setdefault(step, {})[RunState(state)] = count
    return found


def waiting_branches(conn: Connection, run: str, step: str, *, after: int = -1, limit: int) -> list[BranchRecord]:
    """Return the first branches of a step, behind this one, that wait for their turn."""
    rows = conn.execute(_waiting, {"of_run": run, "of_step": step, "after": after, "most": limit})
    return [BranchRecord(task=task, branch=branch, item=loads(item)) for task, branch, item in rows]


def skip_branches(conn: Connection, run: str, step: str, *, at: int, reason: str) -> int:
    """End the branches of a step that wait and will never start; return how many did."""
    return conn.execute(_skip, {"of_run": run, "of_step": step, "at": at, "why": plain_text(reason)}).rowcount


def branch_results(conn: Connection, run: str, step: str, *, most_bytes: int) -> tuple[list[Any], bool]:
    """Return the results of a step's branches in order, None where there is none, and whether these are all.

    Reading ends before their JSON would take more than `most_bytes` as one list.
    """
    found: list[Any] = []
    size = 2
    for text in _result_texts(conn, run, step):
        size += 5 if text is None else len(text.encode()) + 1
        if size > most_bytes:
            return found, False
        found.append(loads(text))
    return found, True


def first_failure(conn: Connection, run: str, step: str) -> Failure | None:
    """Return the error of the first branch of a step that failed."""
    return load_failure(conn.scalar(_failure, {"of_run": run, "of_step": step}))


def _result_texts(conn: Connection, run: str, step: str) -> Iterator[str | None]:
    first = 0
    while page := list(conn.scalars(_results, {"of_run": run, "of_step": step, "first": first})):
        yield from page
        first += len(page)
