"""Cancel, pause and resume runs: recorded in the store first, then told to the bus.

A request stands once it is recorded. If Redis is away, or the task is just on its way there, the sweeper tells the bus
again.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rota.definitions import ActorSpec
from rota.errors import BusUnavailable
from scheduler.admission.promotion import promote
from scheduler.jobs.catalogue import Catalogue
from scheduler.runs.endings import Recorded
from scheduler.runs.following import go_on
from store.queries import announcements, runs
from store.records import ControlResult

if TYPE_CHECKING:
    from bus.connection import Bus
    from bus.control import Request as Word
    from store.engine import Connection, Store

logger = logging.getLogger(__name__)


def cancel(store: Store, bus: Bus, run_ids: Sequence[str], *, now: int, reason: str) -> ControlResult:
    """Cancel open runs: what has not started ends at once, what runs ends within a second of its next look.

    Runs that have ended already, or that there are not, are in `ignored`.
    """

    def change(conn: Connection) -> ControlResult:
        result = runs.request_cancel(conn, run_ids, at=now, reason=reason)
        announcements.leave_ends(conn, [one.run for one in result.ended])
        return result

    result = store.write(change)
    _tell(bus, "cancel", result.tasks)
    return result


def pause(store: Store, bus: Bus, run_ids: Sequence[str]) -> ControlResult:
    """Pause open runs: nothing more of them starts, and what runs stops at its next look and keeps its checkpoint."""
    result = store.write(lambda conn: runs.request_pause(conn, run_ids))
    _tell(bus, "pause", result.tasks)
    return result


def resume(
    store: Store, bus: Bus, run_ids: Sequence[str], *, now: int, actors: Mapping[str, ActorSpec]
) -> ControlResult:
    """Let paused runs go on from their checkpoints; those that waited for a slot wait for it again."""
    catalogue = Catalogue(actors)

    def change(conn: Connection) -> tuple[ControlResult, Recorded]:
        result = runs.resume(conn, run_ids, at=now)
        recorded = Recorded()
        go_on(conn, result.undecided, recorded, catalogue=catalogue, now=now)
        announcements.leave_ends(conn, [one.run for one in recorded.closed])
        return result, recorded

    def start_free(conn: Connection) -> Recorded:
        started = Recorded()
        promote(conn, result.waited_for, started, catalogue=catalogue, now=now)
        announcements.leave_ends(conn, [one.run for one in started.closed])
        return started

    result, recorded = store.write(change)
    # A transaction of its own: one that holds the runs must not wait for their keys, or it deadlocks with admission.
    started = store.write(start_free) if result.waited_for else Recorded()
    _tell(bus, "resume", result.tasks)
    delays = {task: at - now for task, at in result.send_at if at > now}
    try:
        messages = [*result.send, *recorded.messages, *started.messages]
        bus.sender.send(messages, delays=delays | recorded.delays | started.delays)
    except BusUnavailable as error:
        logger.warning("control.not_sent", extra={"error": str(error)})
    return result


def _tell(bus: Bus, word: Word, tasks: Sequence[str]) -> None:
    try:
        if tasks:
            bus.control.request(word, tasks)
    except BusUnavailable as error:
        logger.warning("control.not_told", extra={"word": word, "tasks": len(tasks), "error": str(error)})
