"""Runs that wait start: as soon as a slot of their key is free, in their order, and as many as the limit allows.

All of it happens within a transaction of the caller, under the locks of the keys concerned, so that nobody is admitted
past those who wait. A rate limit is asked when a run gets its slot: it may still have to wait for its turn, or be
skipped where its job does not wait for turns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from rota.errors import RotaError
from scheduler.admission.drafts import in_one_line, rate_key
from scheduler.admission.limits import Waiter, assign
from scheduler.admission.rates import Rates, Turn
from scheduler.runs.endings import Recorded
from scheduler.runs.following import go_on
from scheduler.runs.recording import record
from store.queries import revision, runs
from store.records import Promotion, WaitingDetail, WaitingRun

if TYPE_CHECKING:
    from rota.messages import Outcome
    from scheduler.jobs.catalogue import Catalogue
    from scheduler.jobs.plans import Plan, RateLimit
    from store.engine import Connection

#: Of each key, and each number of slots that jobs allow it, so many are looked at in one round.
_PAGE = 100
MISSED_MS = 10_000
"""How late a run may start in its turn: as long as it takes to replace a leader, and some."""


def promote(conn: Connection, keys: Iterable[str], into: Recorded, *, catalogue: Catalogue, now: int) -> None:
    """Give the free slots of these keys to those that wait for them; nothing starts while everything is paused."""
    left = dict.fromkeys(keys)
    if not left:
        return
    # Before the first look: who joins the line in this moment is either seen here, or sees the free slot.
    runs.hold_keys(conn, left)
    left = dict.fromkeys(runs.lines(conn, left))
    if not left or revision.paused(conn) is not None:
        return
    while left:
        # A run that ends at once, or may not start after all, leaves its slot to the next.
        left = _round(conn, list(left), into, catalogue=catalogue, now=now)


def record_and_promote(conn: Connection, reported: Sequence[Outcome], *, catalogue: Catalogue, now: int) -> Recorded:
    """Record outcomes and all that follows, and start those that waited for the slots which that freed."""
    runs.hold_keys_of(conn, dict.fromkeys(outcome.task for outcome in reported if outcome.kind == "finished"))
    recorded = record(conn, reported, catalogue=catalogue, now=now)
    freed = dict.fromkeys(ended.slot_key for ended in recorded.applied.ended if ended.slot_key is not None)
    promote(conn, freed, recorded, catalogue=catalogue, now=now)
    return recorded


def could_start(conn: Connection, widest: Mapping[str, int]) -> list[str]:
    """Return those of these keys that have a free slot, of as many as somebody who waits may use; only reads."""
    held = runs.slots(conn, widest)
    return [key for key, most in widest.items() if sum(slot.number < most for slot in held[key]) < most]


def begin(conn: Connection, run_ids: Iterable[str], into: Recorded, *, catalogue: Catalogue, now: int) -> None:
    """Let runs start that waited for their turn only.

    Those that missed theirs, because nobody led or everything was paused, get new ones: all at once they would be more
    than their rate allows.
    """
    if revision.paused(conn) is not None:
        return
    found = runs.lock_waiting(conn, run_ids)
    for run in _put_off(conn, found, catalogue=catalogue, now=now):
        del found[run]
    runs.begin(conn, found, at=now)
    for one in found.values():
        into.messages += one.messages
    go_on(conn, found, into, catalogue=catalogue, now=now)


def _put_off(conn: Connection, found: Mapping[str, WaitingDetail], *, catalogue: Catalogue, now: int) -> dict[str, int]:
    """Give new turns to those of these runs that missed theirs; return the turns that are still to come."""
    missed: dict[str, tuple[RateLimit, str]] = {}
    for run, one in sorted(found.items(), key=lambda each: (each[1].start_at or now, each[0])):
        plan = catalogue.plan_of(conn, one.job, one.job_version) if (one.start_at or now) < now - MISSED_MS else None
        key = None if plan is None else rate_key(plan, one.params, one.person)
        if plan is not None and plan.rate is not None and key is not None:
            missed[run] = plan.rate, key
    rates = Rates(conn, [key for _, key in missed.values()])
    turns = {run: rates.put_off(rate, key, now) for run, (rate, key) in missed.items()}
    rates.write()
    later = {run: turn for run, turn in turns.items() if turn > now}
    runs.put_off(conn, later)
    return later


def _round(conn: Connection, keys: Sequence[str], into: Recorded, *, catalogue: Catalogue, now: int) -> dict[str, None]:
    """Give what is free to those that are next; return the keys at which more may be able to start."""
    chosen = _choose(conn, keys)
    if not chosen:
        return {}
    found = runs.lock_waiting(conn, chosen)
    plans = {run: catalogue.plan_of(conn, one.job, one.job_version) for run, one in found.items()}
    starters = [_Starter(found[run], slot, plans[run]) for run, (_, slot) in chosen.items() if run in found]
    rates = Rates(conn, [one.rate_key for one in starters if one.rate_key is not None])
    started = [one for one in starters if one.starts(conn, rates, now)]
    rates.write()
    runs.promote(conn, [one.promotion(now) for one in started], at=now)
    for one in started:
        if one.queued(now):
            into.messages += one.run.messages
            into.delays |= {message.task: one.start_at - now for message in one.run.messages if one.start_at > now}
    closed = len(into.closed)
    go_on(conn, [one.run.run for one in started if one.undecided], into, catalogue=catalogue, now=now)
    kept = {one.run.run for one in started} - {one.run for one in into.closed[closed:]}
    by_key = Counter(waiting.key for waiting, _ in chosen.values())
    return dict.fromkeys(
        waiting.key for run, (waiting, _) in chosen.items() if run not in kept or by_key[waiting.key] >= _PAGE
    )


def _choose(conn: Connection, keys: Sequence[str]) -> dict[str, tuple[WaitingRun, int]]:
    """Return who may start in which slot, in their order."""
    lines: dict[str, list[WaitingRun]] = {}
    for waiting in runs.next_in_line(conn, keys, limit=_PAGE):
        lines.setdefault(waiting.key, []).append(waiting)
    chosen: dict[str, tuple[WaitingRun, int]] = {}
    for key, held in runs.slots(conn, lines).items():
        waiters = {one.run: one for one in lines[key]}
        line = [Waiter(one.run, one.priority, one.limit) for one in waiters.values()]
        for run, slot in assign((each.number for each in held), line).items():
            chosen[run] = waiters[run], slot
    return chosen


class _Starter:
    """A run that is about to start in a slot; without a plan, because its definition is gone, under no rules."""

    def __init__(self, run: WaitingDetail, slot: int, plan: Plan | None) -> None:
        self.run = run
        self._slot = slot
        self._plan = plan
        self._refusal: str | None = None
        self.rate_key = self._rate_key()
        self.start_at = 0
        # One that took over results of another has no message yet, whatever its plan says.
        self.undecided = plan is None or plan.undecided or not run.messages

    def _rate_key(self) -> str | None:
        try:
            return None if self._plan is None else rate_key(self._plan, self.run.params, self.run.person)
        except RotaError as error:
            self._refusal = in_one_line(error)
            return None

    def starts(self, conn: Connection, rates: Rates, now: int) -> bool:
        """Take its turn; one that gets none is skipped."""
        turn = Turn(start_at=now, refusal=self._refusal)
        if self.rate_key is not None and self._plan is not None and self._plan.rate is not None:
            turn = rates.reserve(self._plan.rate, self.rate_key, now)
        self.start_at = turn.start_at
        if turn.refusal is not None:
            runs.skip_waiting(conn, self.run.run, at=now, reason=turn.refusal)
        return turn.refusal is None

    def queued(self, now: int) -> bool:
        """Say whether its messages can go to the bus: what has to be decided first is decided when its turn comes."""
        return self.start_at <= now or not self.undecided

    def promotion(self, now: int) -> Promotion:
        """Return what is written of it."""
        timeout_ms = None if self._plan is None else self._plan.timeout_ms
        return Promotion(
            run=self.run.run,
            slot_no=self._slot,
            queued=self.queued(now),
            start_at=None if self.rate_key is None else self.start_at,
            timeout_at=None if timeout_ms is None else self.start_at + timeout_ms,
        )
