"""What outcomes make of runs, within one transaction: recorded, the next steps decided, ended runs closed.

Shared by the recorder and by the sweeper, which ends what nobody else can.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rota.messages import Outcome
from rota.states import RunState
from scheduler.runs.endings import Closed, Recorded
from scheduler.runs.following import go_on
from store.queries import jobs, outcomes, runs
from store.records import Closing

if TYPE_CHECKING:
    from scheduler.jobs.catalogue import Catalogue
    from store.engine import Connection


def record(conn: Connection, reported: Sequence[Outcome], *, catalogue: Catalogue, now: int) -> Recorded:
    """Record outcomes and all that follows from them; safe to repeat."""
    recorded = Recorded(applied=outcomes.apply(conn, reported))
    several: dict[str, None] = {}
    closings: list[Closing] = []
    for ended in recorded.applied.ended:
        if not ended.alone:
            several[ended.run] = None
            continue
        closings.append(ended.closing())
        recorded.closed.append(
            Closed(
                run=ended.run,
                job=ended.job,
                job_version=ended.job_version,
                state=ended.state,
                at=ended.at,
                error=ended.error,
            )
        )
    runs.close(conn, closings)
    if several:
        go_on(conn, several, recorded, catalogue=catalogue, now=now)
    _pause_jobs(conn, recorded.closed, catalogue=catalogue, now=now)
    return recorded


def _pause_jobs(conn: Connection, closed: Sequence[Closed], *, catalogue: Catalogue, now: int) -> None:
    """Disable jobs that failed as often in a row as their definition allows."""
    failed = dict.fromkeys(one.job for one in closed if one.state is RunState.FAILED)
    if failed:
        catalogue.refresh(conn)
    for name in failed:
        plan = catalogue.plan(conn, name)
        if plan is None or plan.job.pause_after_failures is None:
            continue
        most = plan.job.pause_after_failures
        # Whoever enables it again wants it to be tried as often again.
        last = runs.last_states(conn, name, most, since=plan.enabled_at)
        if len(last) == most and set(last) == {RunState.FAILED}:
            reason = f"paused after {most} failed runs in a row" if most > 1 else "paused after a failed run"
            jobs.set_enabled(conn, [name], False, at=now, reason=reason)
