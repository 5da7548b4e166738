"""The ends of runs as events: `run.succeeded`, `run.failed` and `run.cancelled`, for jobs that follow others.

They are published only while some job listens, once the end is recorded; a scheduler that dies exactly in between
leaves an end unpublished. The id is made of the run and its state, so publishing an end twice is publishing it once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rota.errors import NotFound
from rota.events import Event
from rota.states import RunState
from scheduler.drafts import MAX_CHAIN
from store.queries import runs

if TYPE_CHECKING:
    from scheduler.catalogue import Snapshot
    from scheduler.recording import Closed
    from store.engine import Connection

ANNOUNCED = (RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED)


def announcements(conn: Connection, closed: Sequence[Closed], snapshot: Snapshot) -> list[Event]:
    """Return the events of those ends that some job listens for."""
    wanted = {state for state in ANNOUNCED if snapshot.subscribers(f"run.{state.value}")}
    return [_announcement(conn, one) for one in closed if one.state in wanted]


def _announcement(conn: Connection, one: Closed) -> Event:
    try:
        chain = runs.get_run(conn, one.run).chain
    except NotFound:
        chain = ()
    data = {"run": one.run, "job": one.job, "state": one.state.value}
    if one.error is not None:
        data["error"] = f"{one.error.type}: {one.error.message}"
    return Event(
        id=f"{one.run}:{one.state.value}",
        source=f"rota/jobs/{one.job}",
        type=f"run.{one.state.value}",
        time=one.at,
        subject=one.run,
        data=data,
        chain=(*chain[-MAX_CHAIN:], one.job),
    )
