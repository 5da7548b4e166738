"""Cancel, pause and resume: the request is recorded first, then told to the bus by the caller."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import BindParameter, Connection, RowMapping, bindparam, case, func, select, update

from rota.messages import TaskMessage
from rota.runs import plain_text
from rota.states import RunState
from store.batches import batches
from store.queries.runs.rows import message_to_send
from store.records import CANCEL, PAUSE, ControlResult, EndedRun
from store.tables import ENDED_STATES, SENT_STATES, runs, tasks

_ids: BindParameter[list[str]] = bindparam("ids", expanding=True)
# Tasks are locked before their runs, as the recorder does it: the other way round the two would deadlock.
_lock_tasks = select(tasks.c.id).where(tasks.c.run.in_(_ids)).order_by(tasks.c.id).with_for_update()
# Read once both are locked: whoever made us wait may have made branches, which the lock did not see.
_tasks = (
    select(
        tasks.c.id, tasks.c.run, tasks.c.state, tasks.c.attempt, tasks.c.message, tasks.c.checkpoint, tasks.c.retry_at
    )
    .where(tasks.c.run.in_(_ids))
    .order_by(tasks.c.id)
)
_locked_runs = (
    select(
        runs.c.id,
        runs.c.job,
        runs.c.job_version,
        runs.c.state,
        runs.c.cancel_requested,
        runs.c.wait_key,
        runs.c.start_at,
    )
    .where(runs.c.id.in_(_ids), runs.c.state.not_in(ENDED_STATES))
    .order_by(runs.c.id)
    .with_for_update()
)
_request = update(runs).where(runs.c.id.in_(_ids)).values(cancel_requested=bindparam("request"))
# Kept until the run ends by it, as the first who asked said it: who ends it later does not know who that was.
_first_said = case(
    (runs.c.cancel_requested == CANCEL, func.coalesce(runs.c.reason, bindparam("why"))), else_=bindparam("why")
)
_request_cancel = _request.values(reason=_first_said)
_cancel_tasks = (
    update(tasks)
    .where(tasks.c.run.in_(_ids), tasks.c.state.in_(("waiting", "paused")))
    .values(state="cancelled", ended_at=bindparam("at"), reason=bindparam("why"), retry_at=None)
)
_cancel_runs = (
    update(runs)
    .where(runs.c.id.in_(_ids))
    .values(
        state="cancelled",
        ended_at=bindparam("at"),
        slot_key=None,
        slot_no=None,
        wait_key=None,
        wait_no=None,
        wait_limit=None,
    )
)
_pause_runs = update(runs).where(runs.c.id.in_(_ids)).values(state="paused")
_resume_runs = update(runs).where(runs.c.id.in_(_ids), runs.c.state == "paused").values(state=bindparam("to_state"))
_resume_tasks = (
    update(tasks)
    .where(tasks.c.run.in_(_ids), tasks.c.state == "paused")
    .values(state="queued", queued_at=bindparam("at"), sent_at=None)
)


class _Found:
    """The open runs among those asked for, with their tasks."""

    def __init__(self, conn: Connection, ids: list[str]) -> None:
        conn.execute(_lock_tasks, {"ids": ids})
        self.runs = {row["id"]: row for row in conn.execute(_locked_runs, {"ids": ids}).mappings()}
        self.tasks: dict[str, list[RowMapping]] = {}
        for row in conn.execute(_tasks, {"ids": list(self.runs)}).mappings():
            self.tasks.setdefault(row["run"], []).append(row)

    def in_bus(self, run_ids: Iterable[str]) -> list[str]:
        """Return the tasks of these runs that the bus has or will have."""
        return [row["id"] for run in run_ids for row in self._rows(run, SENT_STATES)]

    def without_bus(self, run_ids: Iterable[str]) -> list[str]:
        """Return those of these runs that have no task in the bus."""
        return [run for run in run_ids if not self._rows(run, SENT_STATES)]

    def waiting(self, run_ids: Iterable[str]) -> list[str]:
        """Return those of these runs that have a waiting task."""
        return [run for run in run_ids if self._rows(run, ("waiting",))]

    def with_paused_task(self) -> list[str]:
        """Return the runs that have a paused task."""
        return [run for run in self.runs if self._rows(run, ("paused",))]

    def to_send(self, run_ids: Iterable[str]) -> list[TaskMessage]:
        """Return the messages that the paused tasks of these runs go on with."""
        return [message_to_send(row) for run in run_ids for row in self._rows(run, ("paused",))]

    def ended(self, run_ids: Iterable[str], at: int) -> list[EndedRun]:
        """Return these runs as cancelled ones."""
        return [
            EndedRun(run=row["id"], job=row["job"], job_version=row["job_version"], state=RunState.CANCELLED, at=at)
            for row in map(self.runs.__getitem__, run_ids)
        ]

    def waited_for(self, run_ids: Iterable[str]) -> list[str]:
        """Return the keys that these runs wait for, each once."""
        return list(dict.fromkeys(key for run in run_ids if (key := self.runs[run]["wait_key"]) is not None))

    def _rows(self, run: str, states: Sequence[str]) -> list[RowMapping]:
        return [row for row in self.tasks.get(run, ()) if row["state"] in states]


def request_cancel(conn: Connection, run_ids: Iterable[str], *, at: int, reason: str) -> ControlResult:
    """Record that these runs shall be cancelled, and cancel at once what the bus does not have.

    A cancel stands: a later pause or resume is ignored. Asking again tells the bus again.
    """
    result = ControlResult()
    why = plain_text(reason)
    for ids in batches(run_ids):
        found = _Found(conn, ids)
        chosen = list(found.runs)
        settled = found.without_bus(chosen)
        _change(conn, _request_cancel, chosen, request=CANCEL, why=why)
        _change(conn, _cancel_tasks, chosen, at=at, why=why)
        _change(conn, _cancel_runs, settled, at=at)
        result = _joined(
            result,
            tasks=found.in_bus(chosen),
            settled=settled,
            ignored=[run for run in ids if run not in found.runs],
            ended=found.ended(settled, at),
        )
    return result


def request_pause(conn: Connection, run_ids: Iterable[str]) -> ControlResult:
    """Record that these runs shall be paused; those of which the bus has nothing are paused at once."""
    result = ControlResult()
    for ids in batches(run_ids):
        found = _Found(conn, ids)
        chosen = [run for run, row in found.runs.items() if row["cancel_requested"] != CANCEL]
        settled = [run for run in found.without_bus(chosen) if found.runs[run]["state"] != "paused"]
        _change(conn, _request, chosen, request=PAUSE)
        _change(conn, _pause_runs, settled)
        result = _joined(
            result, tasks=found.in_bus(chosen), settled=settled, ignored=[run for run in ids if run not in chosen]
        )
    return result


def resume(conn: Connection, run_ids: Iterable[str], *, at: int) -> ControlResult:
    """Take a pause back: paused tasks are queued again, and those still in the bus have to be told."""
    result = ControlResult()
    for ids in batches(run_ids):
        found = _Found(conn, ids)
        held = {*found.with_paused_task(), *(run for run, row in found.runs.items() if row["state"] == "paused")}
        chosen = [
            run
            for run, row in found.runs.items()
            if row["cancel_requested"] == PAUSE or (run in held and row["cancel_requested"] != CANCEL)
        ]
        # One that waits for a slot goes on waiting for it: its steps are not asked.
        waiting = [run for run in found.waiting(chosen) if found.runs[run]["wait_key"] is None]
        send = found.to_send(chosen)
        sent_runs = {message.run for message in send}
        _change(conn, _request, chosen, request=0)
        _change(conn, _resume_tasks, chosen, at=at)
        _change(conn, _resume_runs, [run for run in chosen if run in sent_runs], to_state="queued")
        _change(conn, _resume_runs, [run for run in chosen if run not in sent_runs], to_state="waiting")
        result = _joined(
            result,
            tasks=found.in_bus(chosen),
            settled=found.without_bus(chosen),
            send=send,
            undecided=waiting,
            ignored=[run for run in ids if run not in chosen],
            waited_for=found.waited_for(chosen),
            send_at=[(message.task, at) for message in send if (at := found.runs[message.run]["start_at"]) is not None],
        )
    return result


def _change(conn: Connection, statement: Any, ids: list[str], **values: Any) -> None:
    if ids:
        conn.execute(statement, {"ids": ids, **values})


def _joined(result: ControlResult, **lists: Sequence[Any]) -> ControlResult:
    return ControlResult(
        **{name: getattr(result, name) + tuple(lists.get(name, ())) for name in result.__struct_fields__}
    )
