"""What the scheduler knows of the jobs: who listens for events, and the plans of those that were asked for lately.

The store says with one number whether a definition or a switch changed, and with an index which. So a million jobs that
nobody touches cost nothing: only those that listen for events are held, because an event may concern any of them. The
others are read when they are due and kept in a bounded cache until they change.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from pydantic import ValidationError

from rota.definitions import ActorSpec
from rota.errors import RotaError
from rota.events import matches
from rota.jobs import Job
from rota.problems import problems_of
from scheduler.jobs.plans import Plan, Subscription, make_plan
from store.engine import Connection
from store.queries import jobs, revision
from store.records import CurrentJob, Pause, Revision

logger = logging.getLogger(__name__)

#: Plans of current versions. One of a job with one step takes about 6 KB and 0.1 ms to make, so all take 120 MB.
MOST_PLANS = 20_000
#: Changes looked at one by one; after more of them everything is forgotten instead, and read when it is asked for.
MOST_CHANGES = 5_000
#: Old versions kept for the runs that still follow them, and event types whose subscribers are known.
MOST_REMEMBERED = 1_000


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What concerns all jobs at one moment.

    `listeners` are the jobs with a trigger that listens for events, disabled ones included. `broken` says of jobs whose
    saved definition cannot be read any more why, as far as anybody has tried. `paused` says since when nothing new is
    to be started.
    """

    stamp: int | None = None
    listeners: Mapping[str, Plan] = field(default_factory=dict)
    broken: Mapping[str, str] = field(default_factory=dict)
    paused: Pause | None = None
    _subscriptions: tuple[Subscription, ...] = ()
    _by_type: dict[str, tuple[Subscription, ...]] = field(default_factory=dict)

    def subscribers(self, event_type: str) -> tuple[Subscription, ...]:
        """Return who listens for events of a type; remembered, because types are few and events many."""
        known = self._by_type.get(event_type)
        if known is None:
            if len(self._by_type) >= MOST_REMEMBERED:
                self._by_type.clear()
            known = tuple(each for each in self._subscriptions if matches(each.pattern, event_type))
            self._by_type[event_type] = known
        return known


class Catalogue:
    """Makes and holds plans of jobs; safe to use from several threads.

    What is asked for within a transaction is answered as the definitions stand in it, if `refresh` was called there
    first.
    """

    def __init__(self, actors: Mapping[str, ActorSpec], *, most_plans: int = MOST_PLANS) -> None:
        self.actors = actors
        self.current = Snapshot()
        self._most_plans = most_plans
        self._lock = threading.Lock()
        self._plans: dict[str, Plan] = {}
        self._broken: dict[str, str] = {}
        self._old: dict[tuple[str, int], Plan | None] = {}

    def refresh(self, conn: Connection) -> bool:
        """Look which jobs changed, if any did; return whether one did."""
        with self._lock:
            now = revision.read(conn)
            if now.value == self.current.stamp:
                return False
            self.current = self._read(conn, now)
            return True

    def plan(self, conn: Connection, name: str) -> Plan | None:
        """Return the plan of a job as it is now; None if there is no such job, or it cannot be read any more."""
        return self.plans(conn, [name]).get(name)

    def plans(self, conn: Connection, names: Collection[str]) -> dict[str, Plan]:
        """Return the plans of these jobs as they are now; those that are gone or cannot be read are left out."""
        with self._lock:
            found = {name: plan for name in names if (plan := self._known(name)) is not None}
        missing = [name for name in dict.fromkeys(names) if name not in found]
        if missing:
            found |= self._load(conn, missing)
        return found

    def plan_of(self, conn: Connection, name: str, version: int) -> Plan | None:
        """Return the plan of any version of a job; None if its definition is gone or cannot be read any more."""
        plan = self._known(name)
        if plan is not None and plan.version == version:
            return plan
        key = (name, version)
        if key not in self._old:
            if len(self._old) >= MOST_REMEMBERED:
                self._old.clear()
            self._old[key] = self._old_plan(conn, name, version)
        return self._old[key]

    def _known(self, name: str) -> Plan | None:
        return self._plans.get(name) or self.current.listeners.get(name)

    # --- noticing changes ------------------------------------------------------------------------------------

    def _read(self, conn: Connection, now: Revision) -> Snapshot:
        before = self.current
        # Nothing is known at the first look, and when the database was put back to an older state.
        stamp = -1 if before.stamp is None or now.value < before.stamp else before.stamp
        changes = [] if stamp < 0 else revision.changed(conn, after=(stamp + 1, ""), limit=MOST_CHANGES)
        if stamp < 0 or now.deleted > stamp or len(changes) == MOST_CHANGES:
            # A deletion leaves nothing that could be found, and long lists are not worth going through.
            self._plans.clear()
            self._broken.clear()
            listening = revision.listening(conn)
            kept = {
                name: plan for name, plan in before.listeners.items() if name in listening and listening[name] <= stamp
            }
            fresh = [name for name, value in listening.items() if value > stamp]
        else:
            changed = {change.name for change in changes}
            for name in changed:
                self._plans.pop(name, None)
                self._broken.pop(name, None)
            kept = {name: plan for name, plan in before.listeners.items() if name not in changed}
            fresh = [change.name for change in changes if change.listens]
        made = self._make(jobs.current(conn, fresh))
        listeners = kept | {name: plan for name, plan in made.items() if plan.subscriptions}
        subscriptions = tuple(each for plan in listeners.values() for each in plan.subscriptions if plan.enabled)
        return Snapshot(now.value, listeners, self._broken, now.pause, subscriptions)

    # --- making plans ----------------------------------------------------------------------------------------

    def _load(self, conn: Connection, names: Collection[str]) -> dict[str, Plan]:
        # Read before the definitions: they are as new as this at least, and what changes later is noticed later.
        value = revision.read(conn).value
        made = self._make(jobs.current(conn, names))
        with self._lock:
            stamp = self.current.stamp
            # What was read in an older transaction must not outlive the change that another one has noticed.
            if stamp is not None and value >= stamp:
                self._remember(made)
        return made

    def _remember(self, made: Mapping[str, Plan]) -> None:
        kept = list(made.items())[: self._most_plans]
        too_many = len(self._plans) + len(kept) - self._most_plans
        if too_many > 0:
            # By chance, not by age: jobs that are due in turn would push each other out just before they are needed.
            for name in random.sample(list(self._plans), min(too_many, len(self._plans))):
                del self._plans[name]
        self._plans.update(kept)

    def _make(self, current: Mapping[str, CurrentJob]) -> dict[str, Plan]:
        plans = {}
        for name, job in current.items():
            try:
                plans[name] = make_plan(
                    Job.model_validate(job.definition),
                    version=job.version,
                    actors=self.actors,
                    enabled=job.enabled,
                    enabled_at=job.enabled_at,
                )
            except Exception as error:  # one that an older version of the program saved must not stop the others
                self._complain(name, _reason(error))
        return plans

    def _complain(self, name: str, reason: str) -> None:
        if name not in self._broken:
            logger.error("job.unreadable", extra={"job": name, "reason": reason})
        if len(self._broken) < MOST_REMEMBERED:
            self._broken[name] = reason

    def _old_plan(self, conn: Connection, name: str, version: int) -> Plan | None:
        try:
            definition = jobs.get_version(conn, name, version).definition
            return make_plan(Job.model_validate(definition), version=version, actors=self.actors)
        except (RotaError, ValueError) as error:
            logger.warning("job.version_unreadable", extra={"job": name, "version": version, "reason": str(error)})
            return None


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(str(problem) for problem in problems_of(error, Job))
    return str(error)
