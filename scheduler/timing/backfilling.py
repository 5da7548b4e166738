"""Ticks of the past made up for on request: a run for each one that became none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rota.definitions import ActorSpec
from rota.errors import Refused
from rota.jobs import Job, Overlap
from rota.runs import Cause
from rota.schedules import due_between
from rota.states import RunState
from rota.triggers import EventTrigger, trigger_key
from scheduler.admission.admitting import Admitted, admit, deliver, refuse_while_paused
from scheduler.admission.drafts import Request
from store.queries import jobs, runs

if TYPE_CHECKING:
    from bus.connection import Bus
    from store.engine import Store

MOST_TICKS = 1000
"""The most ticks of one request; a longer range is made up for in parts."""
OVERLAP: Overlap = "buffer_all"
"""Unless something else is asked for, the runs come one after the other: none of them is skipped for another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backfill:
    """What a request came to: the due times of the range, those of ticks that are `done` and those that were `left`.

    A time at which two triggers were due stands twice. `admitted` are the runs of what was left.
    """

    due: tuple[int, ...]
    done: tuple[int, ...]
    left: tuple[int, ...]
    admitted: tuple[Admitted, ...]


@dataclass(frozen=True, slots=True)
class _Tick:
    trigger: str
    due: int
    params: Mapping[str, object]

    @property
    def key(self) -> str:
        return Cause.of_tick(self.trigger, self.due).key


def backfill(
    store: Store,
    bus: Bus,
    name: str,
    start: int,
    end: int,
    *,
    person: str,
    now: int,
    actors: Mapping[str, ActorSpec],
    overlap: Overlap | None = None,
    dry_run: bool = False,
) -> Backfill:
    """Start a run for each tick from `start` until before `end` that was skipped, missed or never decided.

    Due times are those of the definition as it is now. A tick that became a run, or was made up for before, is left
    out, so the request is safe to repeat. With `dry_run` nothing is started. Raises NotFound for an unknown job,
    Refused for a disabled one, while everything is paused, for a range that reaches into the future and for one with
    too many ticks.
    """
    with store.reading() as conn:
        # Asked here too, so that what is only tried does not promise what would be refused.
        refuse_while_paused(conn)
        record = jobs.get(conn, name)
        if not record.enabled:
            raise Refused(f"the job {name} is disabled")
        ticks = _ticks(record.job(), start, end, now)
        causes = {Cause.of_backfill(tick.trigger, tick.due, person).key: tick for tick in ticks}
        found = runs.with_causes(conn, name, [*causes, *(tick.key for tick in ticks)])
    done = {tick.key for key, tick in causes.items() if key in found}
    done |= {tick.key for tick in ticks if tick.key in found and found[tick.key].state is not RunState.SKIPPED}
    left = [tick for tick in ticks if tick.key not in done]
    admitted: list[Admitted] = []
    if not dry_run:
        requests = [
            Request(
                job=name,
                cause=Cause.of_backfill(tick.trigger, tick.due, person),
                params=dict(tick.params),
                overlap=overlap or OVERLAP,
            )
            for tick in left
        ]
        admitted = admit(store, requests, now=now, actors=actors)
        deliver(bus, admitted)
    return Backfill(
        due=tuple(tick.due for tick in ticks),
        done=tuple(tick.due for tick in ticks if tick.key in done),
        left=tuple(tick.due for tick in left),
        admitted=tuple(admitted),
    )


def _ticks(job: Job, start: int, end: int, now: int) -> list[_Tick]:
    if end > now:
        raise Refused("the range reaches into the future; ticks that are still to come run by themselves")
    timed = [trigger for trigger in job.triggers if not isinstance(trigger, EventTrigger)]
    ticks = [
        _Tick(trigger_key(trigger), due, trigger.params)
        for trigger in timed
        for due in due_between(trigger, start, end, gap=job.dst.gap, fold=job.dst.fold, limit=MOST_TICKS + 1)
    ]
    if len(ticks) > MOST_TICKS:
        raise Refused(f"more than {MOST_TICKS} ticks were due in this range: ask for it in shorter parts")
    return sorted(ticks, key=lambda tick: tick.due)
