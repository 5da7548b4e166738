"""What Rota itself makes known as events: the ends of runs, and runs that are late, for jobs that follow others.

Ends are published only while some job listens, once they are recorded; lateness always, because its job asked for it.
Neither is forgotten when a scheduler dies: a report stays in its stream until the end that it made is published. Ends
that no report made, and those that Redis did not take, are marked in the store until they are.
The id of an event is made of the run and what became of it, so publishing it twice is publishing it once.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rota.errors import BusUnavailable
from rota.events import Event
from rota.loop import Loop
from rota.states import RunState
from rota.times import rfc3339
from scheduler.admission.drafts import MAX_CHAIN
from scheduler.runs.endings import Closed
from store.queries import announcements as rows

if TYPE_CHECKING:
    from bus.connection import Bus
    from rota.clock import Clock
    from rota.messages import Outcome
    from scheduler.jobs.catalogue import Catalogue, Snapshot
    from scheduler.leader import Leader
    from store.engine import Connection, Store
    from store.records import LateRun, RunEnd

logger = logging.getLogger(__name__)

ANNOUNCED = (RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED)
#: Time between two looks for runs that are late.
LOOK_SECONDS = 1.0
#: Runs in one look; more of them follow at once.
MOST_ANNOUNCED = 500


def announcements(conn: Connection, closed: Sequence[Closed], snapshot: Snapshot) -> list[Event]:
    """Return the events of those ends that some job listens for."""
    wanted = {state for state in ANNOUNCED if snapshot.subscribers(f"run.{state.value}")}
    told = [one for one in closed if one.state in wanted]
    chains = rows.chains_of(conn, [one.run for one in told])
    return [end_of(one, chains.get(one.run, ())) for one in told]


def repeated_ends(conn: Connection, reported: Sequence[Outcome], closed: Sequence[Closed]) -> list[Closed]:
    """Return the ends of runs of which a report came again: whoever recorded it may have died before it was told."""
    ended = {one.run for one in closed}
    asked = dict.fromkeys(one.run for one in reported if one.kind == "finished" and one.run not in ended)
    return [closed_again(one) for one in rows.ends_of(conn, asked)]


def closed_again(end: RunEnd) -> Closed:
    """Return a run as one that has just ended."""
    return Closed(run=end.run, job=end.job, job_version=end.job_version, state=end.state, at=end.at, error=end.error)


def end_of(one: Closed, chain: Sequence[str]) -> Event:
    """Return the end of a run as an event."""
    data: dict[str, Any] = {"run": one.run, "job": one.job, "state": one.state.value}
    if one.error is not None:
        data["error"] = f"{one.error.type}: {one.error.message}"
    return _of_run(one.run, one.job, f"run.{one.state.value}", chain=chain, at=one.at, data=data)


def lateness_of(one: LateRun, now: int) -> Event:
    """Return a run that is late as an event."""
    due = one.queued_at if one.due is None else one.due
    data = {
        "run": one.run,
        "job": one.job,
        "state": one.state.value,
        "due": rfc3339(due),
        "seconds": (now - due) / 1000,
    }
    return _of_run(one.run, one.job, "run.late", chain=one.chain, at=now, data=data)


def _of_run(run: str, job: str, event_type: str, *, chain: Sequence[str], at: int, data: dict[str, Any]) -> Event:
    return Event(
        id=f"{run}:{event_type.removeprefix('run.')}",
        source=f"rota/jobs/{job}",
        type=event_type,
        time=at,
        subject=run,
        data=data,
        chain=(*chain[-MAX_CHAIN:], job),
    )


class Announcer:
    """The duty of what is made known: looks for ends that were left to it, and for what is late.

    Only the leader's looks; every scheduler's publishes what it was given.
    """

    def __init__(self, store: Store, bus: Bus, catalogue: Catalogue, leader: Leader, *, clock: Clock) -> None:
        self._store = store
        self._bus = bus
        self._catalogue = catalogue
        self._leader = leader
        self._clock = clock
        self.loop = Loop("announcer", self.step, interval=LOOK_SECONDS)

    def step(self) -> float:
        """Announce the ends that were left to it and the runs that are late."""
        if self._leader.leading() is None:
            return LOOK_SECONDS
        found = self._announce_left() + self._announce_late()
        return 0.0 if found else LOOK_SECONDS

    def _announce_left(self) -> int:
        with self._store.reading() as conn:
            left = rows.left_ends(conn, limit=MOST_ANNOUNCED)
            if not left:
                return 0
            events = self.ends(conn, [closed_again(one) for one in rows.ends_of(conn, left)])
        if events:
            self._bus.events.publish(events)
        with self._store.writing() as conn:
            rows.set_announced(conn, left)
        return len(left)

    def _announce_late(self) -> int:
        now = self._clock.now_ms()
        with self._store.reading() as conn:
            found = rows.late_runs(conn, now=now, limit=MOST_ANNOUNCED)
        if not found:
            return 0
        if late := [lateness_of(one, now) for one in found if _was_late(one)]:
            self._bus.events.publish(late)
        with self._store.writing() as conn:
            rows.set_told(conn, [one.run for one in found])
        return len(found)

    def ends(self, conn: Connection, closed: Sequence[Closed]) -> list[Event]:
        """Return the events of those ends that some job listens for; publish them when they are committed."""
        if not closed:
            return []
        # Nobody else may have looked yet: a leader's first report can come before its first tick or event.
        self._catalogue.refresh(conn)
        return announcements(conn, closed, self._catalogue.current)

    def publish(self, events: Sequence[Event]) -> None:
        """Publish the ends of runs that were recorded; those that Redis does not take are left to the leader's look."""
        if not events:
            return
        try:
            self._bus.events.publish(events)
        except BusUnavailable as error:
            # The report may be dropped all the same: a stream that is full of events takes no more, others do.
            logger.warning("ends.left", extra={"count": len(events), "error": str(error)})
            with self._store.writing() as conn:
                rows.leave_ends(conn, [event.subject for event in events if event.subject is not None])


def _was_late(one: LateRun) -> bool:
    return one.ended_at is None or one.ended_at > one.late_at
