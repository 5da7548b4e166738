"""Cancel, pause, resume and retry runs: recorded in the store first, then told to the bus.

A request stands once it is recorded. If Redis is away, or the task is just on its way there, the sweeper tells the bus
again.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from rota.definitions import ActorSpec
from rota.errors import BusUnavailable, Refused
from rota.events import decode_structured
from rota.ids import new_id
from rota.messages import TaskMessage
from rota.runs import Cause
from rota.states import TERMINAL
from scheduler.admission import Admitted, admit, deliver
from scheduler.catalogue import Catalogue
from scheduler.drafts import Request
from scheduler.recording import Recorded, go_on
from store.queries import events, runs
from store.records import ControlResult

if TYPE_CHECKING:
    from bus.connection import Bus
    from bus.control import Request as Word
    from rota.events import Event
    from store.engine import Connection, Store

logger = logging.getLogger(__name__)


def cancel(store: Store, bus: Bus, run_ids: Sequence[str], *, now: int, reason: str) -> ControlResult:
    """Cancel open runs: what has not started ends at once, what runs ends within a second of its next look.

    Runs that have ended already, or that there are not, are in `ignored`.
    """
    result = store.write(lambda conn: runs.request_cancel(conn, run_ids, at=now, reason=reason))
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
    """Let paused runs go on from their checkpoints."""
    messages: list[TaskMessage] = []

    def change(conn: Connection) -> ControlResult:
        result = runs.resume(conn, run_ids, at=now)
        recorded = Recorded()
        go_on(conn, result.undecided, recorded, catalogue=Catalogue(actors), now=now)
        messages[:] = [*result.send, *recorded.messages]
        return result

    result = store.write(change)
    _tell(bus, "resume", result.tasks)
    try:
        bus.sender.send(messages)
    except BusUnavailable as error:
        logger.warning("control.not_sent", extra={"error": str(error)})
    return result


def retry(
    store: Store,
    bus: Bus,
    run_id: str,
    *,
    person: str,
    now: int,
    actors: Mapping[str, ActorSpec],
    request_id: str | None = None,
) -> Admitted:
    """Start an ended run once more: a new run of the job as it is now, with the same parameters and the same event.

    The ended one stays as it is: nothing leaves a terminal state. `request_id` makes the request safe to repeat.
    Raises NotFound, Refused while the run is open or its job is disabled, InvalidDefinition when the job takes other
    parameters by now.
    """
    with store.reading() as conn:
        run = runs.get_run(conn, run_id)
        event = _event_of(conn, run.cause)
    if run.state not in TERMINAL:
        raise Refused(f"the run is {run.state.value}; only one that has ended can be started again")
    parent = Cause.of_parent(run_id, f"retry:{request_id or new_id()}")
    cause = msgspec.structs.replace(parent, person=person, event=run.cause.event)
    request = Request(job=run.job, cause=cause, params=run.params, event=event, chain=run.chain, owner=run.owner)
    admitted = admit(store, [request], now=now, actors=actors)
    deliver(bus, admitted)
    return admitted[0]


def _event_of(conn: Connection, cause: Cause) -> Event | None:
    if cause.event is None:
        return None
    found = events.find(conn, source=cause.event["source"], event_id=cause.event["id"])
    return None if found is None else decode_structured(found.envelope)


def _tell(bus: Bus, word: Word, tasks: Sequence[str]) -> None:
    try:
        if tasks:
            bus.control.request(word, tasks)
    except BusUnavailable as error:
        logger.warning("control.not_told", extra={"word": word, "tasks": len(tasks), "error": str(error)})
