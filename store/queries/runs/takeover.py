"""What a run has from an earlier one: tasks that succeeded there, with their results, and the lists of branches."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, bindparam, insert, select, update

from rota.ids import new_id
from store.bulk import Bulk
from store.encoding import dumps, load_message
from store.queries.runs.branches import count_more
from store.tables import tasks

_done = (
    select(
        tasks.c.step,
        tasks.c.branch,
        tasks.c.item,
        tasks.c.actor,
        tasks.c.queue,
        tasks.c.state,
        tasks.c.message,
        tasks.c.result,
        tasks.c.progress,
    )
    .where(tasks.c.run == bindparam("of_run"), tasks.c.step.in_(bindparam("steps", expanding=True)))
    .order_by(tasks.c.step, tasks.c.branch)
)
_waiting = select(tasks.c.step, tasks.c.id).where(
    tasks.c.run == bindparam("of_run"), tasks.c.state == "waiting", tasks.c.branch < 0
)
_COLUMNS = ("branch", "item", "state", "reason", "message", "result", "progress", "ended_at")
_take_place = (
    update(tasks).where(tasks.c.id == bindparam("of_task")).values({name: bindparam(f"to_{name}") for name in _COLUMNS})
)
_insert = Bulk(insert(tasks))


def take_over(conn: Connection, *, run: str, of: str, whole: Collection[str], partly: Collection[str], at: int) -> None:
    """Give a run whose tasks all wait what another has done.

    Of the steps in `whole` everything is taken over as succeeded. Those in `partly` get the same branches, of which the
    ones that succeeded are taken over and the others wait; without branches they are left as they are.
    """
    waiting = {row.step: row.id for row in conn.execute(_waiting, {"of_run": run})}
    places: list[dict[str, Any]] = []
    more: list[dict[str, Any]] = []
    for row in conn.execute(_done, {"of_run": of, "steps": [*whole, *partly]}).mappings():
        if row["branch"] < 0 and row["step"] in partly:
            continue
        first = row["branch"] <= 0
        values = _taken(row, run=run, task=waiting[row["step"]] if first else new_id(), of=of, at=at)
        if first:
            places.append({"of_task": values["id"], **{f"to_{name}": values[name] for name in _COLUMNS}})
        else:
            more.append(values)
    if places:
        conn.execute(_take_place, places)
    if more:
        _insert.execute(conn, more)
        count_more(conn, run, len(more))


def _taken(row: RowMapping, *, run: str, task: str, of: str, at: int) -> dict[str, Any]:
    done = row["state"] == "succeeded"
    message = load_message(row["message"]) if done else None
    return {
        "id": task,
        "run": run,
        "step": row["step"],
        "branch": row["branch"],
        "item": row["item"],
        "actor": row["actor"],
        "queue": row["queue"],
        "state": "succeeded" if done else "waiting",
        "reason": f"taken over from run {of}" if done else None,
        "message": None if message is None else dumps(msgspec.structs.replace(message, task=task, run=run)),
        "result": row["result"] if done else None,
        "progress": row["progress"] if done else None,
        "ended_at": at if done else None,
        "attempt": 0,
        "fence": 0,
        "repeats": 0,
    }
