"""All jobs as the scheduler knows them: read again when the store's revision says that one changed."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from rota.definitions import ActorSpec
from rota.errors import RotaError
from rota.events import matches
from rota.jobs import Job
from rota.problems import problems_of
from scheduler.plans import Plan, Subscription, make_plan
from store.engine import Connection
from store.queries import jobs
from store.records import JobHead

logger = logging.getLogger(__name__)

#: Old versions kept for the runs that still follow them, and event types whose subscribers are known.
MOST_REMEMBERED = 1000


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The jobs at one moment; `broken` are those whose saved definition cannot be read any more, and why."""

    stamp: int | None = None
    plans: Mapping[str, Plan] = field(default_factory=dict)
    broken: Mapping[str, str] = field(default_factory=dict)
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
    """Holds the plans of all jobs; safe to use from several threads."""

    def __init__(self, actors: Mapping[str, ActorSpec]) -> None:
        self.actors = actors
        self._lock = threading.Lock()
        self._old: dict[tuple[str, int], Plan | None] = {}
        self.current = Snapshot()

    def refresh(self, conn: Connection) -> bool:
        """Read what changed, if anything did; return whether it did."""
        with self._lock:
            stamp = jobs.changed_since(conn, self.current.stamp)
            if stamp is None:
                return False
            self.current = self._read(conn, stamp)
            return True

    def plan_of(self, conn: Connection, name: str, version: int) -> Plan | None:
        """Return the plan of any version of a job; None if its definition is gone or cannot be read any more."""
        plan = self.current.plans.get(name)
        if plan is not None and plan.version == version:
            return plan
        key = (name, version)
        if key not in self._old:
            if len(self._old) >= MOST_REMEMBERED:
                self._old.clear()
            self._old[key] = self._old_plan(conn, name, version)
        return self._old[key]

    def _read(self, conn: Connection, stamp: int) -> Snapshot:
        heads = jobs.heads(conn)
        before = self.current.plans
        wanted = [head.name for head in heads if head.name not in before or before[head.name].version != head.version]
        definitions = jobs.definitions(conn, wanted)
        plans: dict[str, Plan] = {}
        broken: dict[str, str] = {}
        for head in heads:
            known = before.get(head.name)
            if known is None or head.name in definitions:
                if head.name not in definitions:
                    continue  # deleted since
                known = self._plan(*definitions[head.name], head=head, complain=broken.__setitem__)
            elif (known.enabled, known.enabled_at) != (head.enabled, head.enabled_at):
                known = self._switched(known, head)
            if known is not None:
                plans[head.name] = known
        for name, reason in broken.items():
            if name not in self.current.broken:
                logger.error("job.unreadable", extra={"job": name, "reason": reason})
        subscriptions = tuple(each for plan in plans.values() for each in plan.subscriptions if plan.enabled)
        return Snapshot(stamp, plans, broken, subscriptions)

    def _switched(self, plan: Plan, head: JobHead) -> Plan:
        return make_plan(
            plan.job, version=plan.version, actors=self.actors, enabled=head.enabled, enabled_at=head.enabled_at
        )

    def _plan(
        self, version: int, definition: Any, *, head: JobHead, complain: Callable[[str, str], None]
    ) -> Plan | None:
        try:
            job = Job.model_validate(definition)
            return make_plan(job, version=version, actors=self.actors, enabled=head.enabled, enabled_at=head.enabled_at)
        except Exception as error:  # one that an older version of the program saved must not stop the others
            complain(head.name, _reason(error))
            return None

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
