"""Admission: requests become runs in the store, each cause once, and messages that are to be sent.

A run exists in the store before its message exists, so it cannot be forgotten: whoever dies between the two leaves a
queued task that the sweeper sends.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from rota.definitions import ActorSpec
from rota.errors import BusUnavailable, Refused
from rota.messages import TaskMessage
from rota.states import RunState
from rota.times import rfc3339
from scheduler.admission.drafts import Draft, Request, draft
from scheduler.admission.placing import Stopped, place
from scheduler.admission.queues import Queues
from scheduler.admission.quotas import Quota, check_quota
from scheduler.jobs.plans import Plan, make_plan
from scheduler.runs.endings import Recorded
from scheduler.runs.following import PlansAtHand, go_on, take_over
from store.batches import batches
from store.queries import announcements, jobs, runs

if TYPE_CHECKING:
    from bus.connection import Bus
    from store.engine import Connection, Store

__all__ = ["Admitted", "Request", "admit", "admit_in", "delays_of", "deliver", "refuse_while_paused", "stop_others"]

logger = logging.getLogger(__name__)

#: Requests in one transaction.
BATCH = 500


class Admitted(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a request.

    `repeated` means that its cause had started the run before; then there is nothing to send. A run that is `skipped`,
    or does not start at once, says why in `reason`. Its messages are to be sent `delay_ms` later. `cancelled` and
    `terminated` are tasks that make way for it, see `stop_others`.
    """

    run: str
    job: str
    state: RunState
    reason: str | None = None
    messages: tuple[TaskMessage, ...] = ()
    delay_ms: int = 0
    repeated: bool = False
    cancelled: tuple[str, ...] = ()
    terminated: tuple[str, ...] = ()


def admit(
    store: Store,
    requests: Sequence[Request],
    *,
    now: int,
    actors: Mapping[str, ActorSpec],
    quota: Quota | None = None,
) -> list[Admitted]:
    """Admit requests of people and programs, and return what became of each, in their order.

    Up to 500 are one transaction. The messages are to be sent by the caller: see `deliver`. Raises NotFound for an
    unknown job, Refused for one that is disabled or while everything is paused, InvalidDefinition for parameters that
    don't fit, QuotaExceeded for what goes beyond the quota.
    """
    admitted: list[Admitted] = []
    for batch in batches(requests, BATCH):

        def change(conn: Connection, batch: list[Request] = batch) -> list[Admitted]:
            refuse_while_paused(conn)
            plans = _plans(conn, {request.job for request in batch}, actors)
            if quota is not None:
                check_quota(conn, quota, batch, plans=plans)
            return admit_in(conn, batch, now=now, plans=plans)

        admitted += store.write(change)
    return admitted


def deliver(bus: Bus, admitted: Sequence[Admitted]) -> None:
    """Send the messages of admitted runs; without Redis the runs stay queued and are sent when it is back."""
    try:
        stop_others(bus, admitted)
        bus.sender.send([message for one in admitted for message in one.messages], delays=delays_of(admitted))
    except BusUnavailable as error:
        logger.warning("admission.not_sent", extra={"error": str(error)})


def stop_others(bus: Bus, admitted: Iterable[Admitted]) -> None:
    """Tell the bus which tasks make way for admitted runs; call it before their messages are sent.

    What is not told, because the caller dies, the leading scheduler tells within seconds. Raises BusUnavailable.
    """
    some = [one for one in admitted if one.cancelled or one.terminated]
    if terminated := [task for one in some for task in one.terminated]:
        bus.control.request("terminate", terminated)
    if cancelled := [task for one in some for task in one.cancelled]:
        bus.control.request("cancel", cancelled)


def delays_of(admitted: Iterable[Admitted]) -> dict[str, int]:
    """Return how long (ms) messages have to wait before they may be taken, by task; the others may at once."""
    return {message.task: one.delay_ms for one in admitted if one.delay_ms for message in one.messages}


def admit_in(conn: Connection, requests: Sequence[Request], *, now: int, plans: Mapping[str, Plan]) -> list[Admitted]:
    """Admit requests within a transaction; `plans` hold every job that is asked for."""
    queues = Queues(conn)
    drafts = [queues.route(draft(plans[one.job], one, now), plans[one.job]) for one in requests]
    placed = place(conn, requests, drafts, plans=plans, now=now)
    new = [one for n, one in enumerate(placed.drafts) if n not in placed.repeated]
    inserted = _insert(conn, new)
    begun = _begin(conn, [one for one in new if one.run.id in inserted], plans=plans, now=now)
    missing = [n for n, one in enumerate(placed.drafts) if n in placed.repeated or one.run.id not in inserted]
    known = _runs_of(conn, requests, missing) if missing else {}
    announcements.leave_ends(conn, [one.run for one in begun.closed])
    announcements.leave_ends(conn, [one.run for stopped in placed.stopped.values() for one in stopped.ended])
    return [
        known[n] if n in known else _admitted(one, now, placed.stopped.get(n), begun)
        for n, one in enumerate(placed.drafts)
    ]


def refuse_while_paused(conn: Connection) -> None:
    """Raise Refused while everything is paused: what a person asks for then does not start."""
    pause = jobs.paused(conn)
    if pause is not None:
        reason = f" ({pause.reason})" if pause.reason else ""
        raise Refused(f"everything is paused by {pause.person} since {rfc3339(pause.at)}{reason}")


def _plans(conn: Connection, names: Iterable[str], actors: Mapping[str, ActorSpec]) -> dict[str, Plan]:
    plans = {}
    for name in sorted(names):
        record = jobs.get(conn, name)
        plans[name] = make_plan(record.job(), version=record.version, actors=actors, enabled=record.enabled)
    return plans


def _insert(conn: Connection, drafts: Sequence[Draft]) -> set[str]:
    return runs.insert_admitted(conn, [one.run for one in drafts], [task for one in drafts for task in one.tasks])


def _begin(conn: Connection, drafts: Sequence[Draft], *, plans: Mapping[str, Plan], now: int) -> Recorded:
    """Decide about the first steps of runs that start now, where they are not plain ones."""
    begun = Recorded()
    for one in drafts:
        if one.takes_over is not None:
            take_over(conn, one.run.id, of=one.takes_over, plan=plans[one.run.job], now=now)
    undecided = [one.run.id for one in drafts if one.undecided and one.run.state is RunState.QUEUED]
    if undecided:
        go_on(conn, undecided, begun, catalogue=PlansAtHand(plans), now=now)
    return begun


def _admitted(one: Draft, now: int, stopped: Stopped | None, begun: Recorded) -> Admitted:
    run = one.run
    messages = [task.message for task in one.tasks if task.message is not None and task.state is RunState.QUEUED]
    messages += [message for message in begun.messages if message.run == run.id]
    stopped = stopped or Stopped()
    delay_ms = max(0, (run.start_at or now) - now)
    turn = f"starts at {rfc3339(now + delay_ms)}, within the rate of its job" if delay_ms else None
    return Admitted(
        run=run.id,
        job=run.job,
        state=next((each.state for each in begun.closed if each.run == run.id), run.state),
        reason=run.reason or turn,
        messages=tuple(messages),
        delay_ms=delay_ms,
        cancelled=tuple(stopped.cancelled),
        terminated=tuple(stopped.terminated),
    )


def _runs_of(conn: Connection, requests: Sequence[Request], numbers: Sequence[int]) -> dict[int, Admitted]:
    """Return the runs that these requests have started before."""
    causes = {n: (requests[n].job, requests[n].cause.key) for n in numbers}
    found = runs.find_by_cause(conn, causes.values())
    answers = {}
    for n, cause in causes.items():
        run = runs.get_run(conn, found[cause])
        answers[n] = Admitted(run=run.id, job=run.job, state=run.state, reason=run.reason, repeated=True)
    return answers
