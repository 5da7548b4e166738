"""Admission: requests become runs in the store, each cause once, and messages that are to be sent.

A run exists in the store before its message exists, so it cannot be forgotten: whoever dies between the two leaves a
queued task that the sweeper sends.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from rota.definitions import ActorSpec
from rota.errors import BusUnavailable
from rota.messages import TaskMessage
from rota.states import RunState
from scheduler.drafts import Draft, Request, draft, skipped
from scheduler.plans import Plan, make_plan
from store.batches import batches
from store.queries import jobs, runs

if TYPE_CHECKING:
    from bus.connection import Bus
    from store.engine import Connection, Store

__all__ = ["Admitted", "Request", "admit", "admit_in", "deliver"]

logger = logging.getLogger(__name__)

#: Requests in one transaction.
BATCH = 500


class Admitted(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a request.

    `repeated` means that its cause had started the run before; then there is nothing to send. A run that is `skipped`
    says why in `reason`.
    """

    run: str
    job: str
    state: RunState
    reason: str | None = None
    messages: tuple[TaskMessage, ...] = ()
    repeated: bool = False


def admit(store: Store, requests: Sequence[Request], *, now: int, actors: Mapping[str, ActorSpec]) -> list[Admitted]:
    """Admit requests of people and programs, and return what became of each, in their order.

    Up to 500 are one transaction. The messages are to be sent by the caller: see `deliver`. Raises NotFound for an
    unknown job, Refused for one that is disabled, InvalidDefinition for parameters that don't fit.
    """
    admitted: list[Admitted] = []
    for batch in batches(requests, BATCH):

        def change(conn: Connection, batch: list[Request] = batch) -> list[Admitted]:
            plans = _plans(conn, {request.job for request in batch}, actors)
            return admit_in(conn, batch, now=now, plans=plans)

        admitted += store.write(change)
    return admitted


def deliver(bus: Bus, admitted: Iterable[Admitted]) -> None:
    """Send the messages of admitted runs; without Redis the runs stay queued and are sent when it is back."""
    try:
        bus.sender.send([message for one in admitted for message in one.messages])
    except BusUnavailable as error:
        logger.warning("admission.not_sent", extra={"error": str(error)})


def admit_in(conn: Connection, requests: Sequence[Request], *, now: int, plans: Mapping[str, Plan]) -> list[Admitted]:
    """Admit requests within a transaction; `plans` hold every job that is asked for."""
    drafts = [draft(plans[request.job], request, now) for request in requests]
    if any(one.limit_key is not None for one in drafts):
        drafts = _within_limits(conn, drafts, lambda n, reason: _refused(plans, requests[n], now, reason))
    inserted = _insert(conn, drafts)
    if len(inserted) < len(drafts):
        return _after_conflicts(conn, requests, drafts, inserted, lambda n, why: _refused(plans, requests[n], now, why))
    return [_admitted(one) for one in drafts]


def _plans(conn: Connection, names: Iterable[str], actors: Mapping[str, ActorSpec]) -> dict[str, Plan]:
    plans = {}
    for name in sorted(names):
        record = jobs.get(conn, name)
        plans[name] = make_plan(record.job(), version=record.version, actors=actors, enabled=record.enabled)
    return plans


def _insert(conn: Connection, drafts: Sequence[Draft]) -> set[str]:
    return runs.insert_admitted(conn, [one.run for one in drafts], [task for one in drafts for task in one.tasks])


def _admitted(one: Draft) -> Admitted:
    messages = tuple(task.message for task in one.tasks if task.message is not None)
    return Admitted(run=one.run.id, job=one.run.job, state=one.run.state, reason=one.run.reason, messages=messages)


def _refused(plans: Mapping[str, Plan], request: Request, now: int, reason: str) -> Draft:
    return skipped(plans[request.job], request, now, reason)


def _within_limits(conn: Connection, drafts: Sequence[Draft], refused: Callable[[int, str], Draft]) -> list[Draft]:
    """Give each draft that needs one a free slot; what finds none becomes a skipped run."""
    # A cause that has its run already must not take a slot from the others, and would find its own run in the way.
    limited = [one for one in drafts if one.limit_key is not None]
    known = runs.find_by_cause(conn, [(one.run.job, one.run.cause.key) for one in limited])
    taken = runs.open_slots(conn, dict.fromkeys(one.limit_key for one in limited if one.limit_key is not None))
    placed: list[Draft] = []
    for n, one in enumerate(drafts):
        if one.limit_key is None or (one.run.job, one.run.cause.key) in known:
            placed.append(one)
            continue
        held = taken[one.limit_key]
        number = next((free for free in range(one.limit) if free not in held), None)
        if number is None:
            placed.append(refused(n, _limit_reason(one)))
            continue
        held.add(number)
        run = msgspec.structs.replace(one.run, slot_key=one.limit_key, slot_no=number)
        placed.append(msgspec.structs.replace(one, run=run))
    return placed


def _after_conflicts(
    conn: Connection,
    requests: Sequence[Request],
    drafts: list[Draft],
    inserted: set[str],
    refused: Callable[[int, str], Draft],
) -> list[Admitted]:
    """Sort out what was not inserted: its cause has a run already, or somebody took its slot in this moment."""
    left = [n for n, one in enumerate(drafts) if one.run.id not in inserted]
    known = _runs_of(conn, requests, left)
    late = [n for n in left if n not in known]
    for n in late:
        drafts[n] = refused(n, _limit_reason(drafts[n]))
    if late:
        inserted |= _insert(conn, [drafts[n] for n in late])
        known |= _runs_of(conn, requests, [n for n in late if drafts[n].run.id not in inserted])
    return [known[n] if n in known else _admitted(one) for n, one in enumerate(drafts)]


def _runs_of(conn: Connection, requests: Sequence[Request], numbers: Sequence[int]) -> dict[int, Admitted]:
    """Return the runs that these requests have started before."""
    causes = {n: (requests[n].job, requests[n].cause.key) for n in numbers}
    found = runs.find_by_cause(conn, causes.values())
    answers = {}
    for n, cause in causes.items():
        if cause in found:
            run = runs.get_run(conn, found[cause])
            answers[n] = Admitted(run=run.id, job=run.job, state=run.state, reason=run.reason, repeated=True)
    return answers


def _limit_reason(one: Draft) -> str:
    key = one.limit_key or ""
    if key.startswith("job:") and one.limit == 1:
        return "another run of the job is still open"
    return f"{one.limit} runs with the key {key.partition(':')[2]} are still open"
