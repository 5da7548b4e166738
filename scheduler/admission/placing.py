"""Gives runs that are about to be admitted their place: a slot, a turn, a place in line, or the reason for none.

Within one transaction, under the locks of all keys concerned: who else admits, or starts those that wait, has to wait.
A run that takes the place of another makes way for itself here; the bus is told when the transaction is committed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import msgspec

from rota.states import RunState
from scheduler.admission.drafts import Draft, Request, skipped
from scheduler.admission.limits import Holder, Occupancy, Place, decide
from scheduler.admission.rates import Rates
from scheduler.jobs.plans import Plan
from store.queries import runs
from store.records import EndedRun

if TYPE_CHECKING:
    from store.engine import Connection


@dataclass(slots=True)
class Stopped:
    """What had to make way for a run: tasks that the bus is to be told of, and runs that ended in the store."""

    cancelled: list[str] = field(default_factory=list)
    terminated: list[str] = field(default_factory=list)
    ended: list[EndedRun] = field(default_factory=list)


@dataclass(slots=True)
class Placed:
    """The drafts in their order; of those in `repeated` there is a run already, or another draft."""

    drafts: list[Draft]
    repeated: set[int] = field(default_factory=set)
    stopped: dict[int, Stopped] = field(default_factory=dict)


def place(
    conn: Connection, requests: Sequence[Request], drafts: Sequence[Draft], *, plans: Mapping[str, Plan], now: int
) -> Placed:
    """Give each draft its place, one after the other."""
    placed = Placed(list(drafts))
    concerned = [n for n, one in enumerate(drafts) if one.limit_key is not None or one.rate_key is not None]
    if concerned:
        placing = _Placing(conn, requests, placed, plans, now)
        for n in concerned:
            placing.place(n)
        placing.rates.write()
    return placed


class _Placing:
    """The keys of a batch, as its drafts fill them."""

    def __init__(
        self, conn: Connection, requests: Sequence[Request], placed: Placed, plans: Mapping[str, Plan], now: int
    ) -> None:
        self._conn = conn
        self._requests = requests
        self._placed = placed
        self._plans = plans
        self._now = now
        drafts = placed.drafts
        keys = dict.fromkeys(one.limit_key for one in drafts if one.limit_key is not None)
        runs.hold_keys(conn, keys)
        self.rates = Rates(conn, (one.rate_key for one in drafts if one.rate_key is not None))
        # A cause that has its run already must not take a place from others, nor find its own run in the way.
        self._causes = set(runs.find_by_cause(conn, [_cause(one) for one in drafts]))
        self._keys = occupancies(conn, keys)
        #: Where in the batch a run is that has a place which is not in the store yet.
        self._numbers: dict[str, int] = {}
        self._lines: dict[str, list[int]] = {}

    def place(self, n: int) -> None:
        """Give one draft its place."""
        one = self._placed.drafts[n]
        if _cause(one) in self._causes:
            self._placed.repeated.add(n)
            return
        self._causes.add(_cause(one))
        if one.limit_key is None:
            self._start(n, None)
            return
        occupancy = self._keys[one.limit_key]
        place = decide(occupancy, one.overlap, one.limit)
        if place.slot is None and not place.waits:
            self._skip(n, place.reason or "")
        elif place.waits:
            self._wait(n, occupancy, place)
        elif self._start(n, place.slot):
            self._make_way(n, occupancy, place)
            occupancy.hold(place.slot or 0, Holder(one.run.id, one.run.job))

    def _start(self, n: int, slot: int | None) -> bool:
        """Let a run start in a slot, when its rate allows; False if that forbids it."""
        one = self._placed.drafts[n]
        plan = self._plans[one.run.job]
        run = msgspec.structs.replace(one.run, slot_key=None if slot is None else one.limit_key, slot_no=slot)
        tasks = one.tasks
        if one.rate_key is not None and plan.rate is not None:
            turn = self.rates.reserve(plan.rate, one.rate_key, self._now)
            if turn.refusal is not None:
                self._skip(n, turn.refusal)
                return False
            run = msgspec.structs.replace(
                run,
                start_at=turn.start_at,
                timeout_at=None if plan.timeout_ms is None else turn.start_at + plan.timeout_ms,
            )
            if turn.start_at > self._now and one.undecided:
                # What it begins with is decided when its time has come, and all of it starts then.
                run = msgspec.structs.replace(run, state=RunState.WAITING)
                tasks = _waiting(one).tasks
        self._placed.drafts[n] = msgspec.structs.replace(one, run=run, tasks=tasks)
        self._numbers[run.id] = n
        return True

    def _wait(self, n: int, occupancy: Occupancy, place: Place) -> None:
        """Let a run wait in line, and ask for its slot if it may."""
        self._make_way(n, occupancy, place)
        one = self._placed.drafts[n]
        if place.cancels is not None and place.cancels not in occupancy.held:
            # There was nothing to wait for.
            if self._start(n, place.cancels):
                occupancy.hold(place.cancels, Holder(one.run.id, one.run.job))
            return
        waiting = _waiting(one)
        run = msgspec.structs.replace(
            waiting.run,
            state=RunState.WAITING,
            reason=place.reason,
            wait_key=one.limit_key,
            wait_no=place.wait_no,
            wait_limit=one.limit,
            # It counts from the start.
            timeout_at=None,
        )
        self._placed.drafts[n] = msgspec.structs.replace(waiting, run=run)
        occupancy.line_up(run.id, one.limit)
        self._lines.setdefault(occupancy.key, []).append(n)

    def _make_way(self, n: int, occupancy: Occupancy, place: Place) -> None:
        """Stop those that have to go for a run, and take them out of the occupancy as far as they are gone."""
        one = self._placed.drafts[n]
        why = f"in favour of run {one.run.id} (overlap: {one.overlap})"
        if place.clears:
            for other in self._lines.pop(occupancy.key, []):
                self._skip(other, f"cancelled {why}")
            self._cancel(n, runs.in_line(self._conn, occupancy.key), f"cancelled {why}")
            occupancy.clear_line()
        number = place.cancels if place.terminates is None else place.terminates
        if number is None:
            return
        holder = occupancy.held[number].run
        if holder in self._numbers:
            self._skip(self._numbers.pop(holder), f"cancelled {why}")
            occupancy.leave(number)
        elif place.terminates is not None:
            self._terminate(n, holder, f"ended {why}")
            occupancy.leave(number)
        elif holder in self._cancel(n, [holder], f"cancelled {why}"):
            occupancy.leave(number)
        else:
            occupancy.hold(number, replace(occupancy.held[number], asked=True))

    def _cancel(self, n: int, run_ids: Sequence[str], reason: str) -> set[str]:
        """Ask runs to cancel and return those that ended at once."""
        if not run_ids:
            return set()
        result = runs.request_cancel(self._conn, run_ids, at=self._now, reason=reason)
        stopped = self._placed.stopped.setdefault(n, Stopped())
        stopped.cancelled += result.tasks
        stopped.ended += result.ended
        return set(result.settled)

    def _terminate(self, n: int, run_id: str, reason: str) -> None:
        ended = runs.terminate(self._conn, [run_id], at=self._now, reason=reason)
        stopped = self._placed.stopped.setdefault(n, Stopped())
        stopped.terminated += ended.tasks
        stopped.ended += ended.runs

    def _skip(self, n: int, reason: str) -> None:
        request = self._requests[n]
        record = skipped(self._plans[request.job], request, self._now, reason)
        # Others may be told of it by the id that it was going to have.
        run = msgspec.structs.replace(record.run, id=self._placed.drafts[n].run.id)
        self._placed.drafts[n] = msgspec.structs.replace(record, run=run)


def occupancies(conn: Connection, keys: Mapping[str, object]) -> dict[str, Occupancy]:
    """Read who holds and who waits for the slots of these keys."""
    found = {key: Occupancy(key) for key in keys}
    for key, held in runs.slots(conn, found).items():
        for slot in held:
            found[key].hold(slot.number, Holder(slot.run, slot.job, slot.cancelled))
    for key, line in runs.lines(conn, found).items():
        occupancy = found[key]
        occupancy.waiting, occupancy.first = line.count, line.first
        occupancy.ready, occupancy.widest = line.ready, line.widest
    return found


def _cause(one: Draft) -> tuple[str, str]:
    return one.run.job, one.run.cause.key


def _waiting(one: Draft) -> Draft:
    """Return the draft with tasks that have their messages and wait to be let go."""
    tasks = tuple(
        msgspec.structs.replace(task, state=RunState.WAITING) if task.state is RunState.QUEUED else task
        for task in one.tasks
    )
    return msgspec.structs.replace(one, tasks=tasks)
