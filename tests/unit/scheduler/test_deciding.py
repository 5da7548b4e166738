"""What becomes of a claimed tick, and after an outage of all ticks of its trigger: compared with the plain rule."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.timetable import Tick
from rota.times import rfc3339
from scheduler.jobs.plans import Plan, make_plan
from scheduler.timing.catch_up import MOST_RECORDS, MOST_RUNS, ON_TIME_MS
from scheduler.timing.deciding import Decided, decide_tick, in_batches
from tests.factories import NOW, make_job

SECOND = 1000


def plan(*, enabled: bool = True, enabled_at: int = 0, every: int = SECOND, **fields: Any) -> Plan:
    triggers = [{"every": f"PT{every / 1000:g}S", "start": rfc3339(NOW)}]
    job = make_job(triggers=triggers, **fields)
    return make_plan(job, version=1, actors={}, enabled=enabled, enabled_at=enabled_at)


def decided(one: Plan | None, due: int | None, now: int, trigger: str | None = None) -> Decided:
    key = trigger or next(iter(one.schedules)) if one is not None else "0123456789ab"
    return decide_tick(Tick(job="tidy", trigger=key, due=NOW), one, due, now)


def runs_of(one: Decided) -> list[int]:
    return [request.cause.due or 0 for request in one.requests if request.skip is None]


def test_due_tick_starts_a_run_and_moves_on() -> None:
    found = decided(plan(), NOW, NOW + 5)

    assert runs_of(found) == [NOW]
    assert found.row is not None
    assert (found.row.old_due, found.row.new_due, found.next_start) == (NOW, NOW + SECOND, NOW + SECOND)


@pytest.mark.parametrize(
    ("known", "due"),
    [(None, NOW), (plan(), None)],
    ids=["its job is gone", "its trigger is due no more"],
)
def test_entry_that_nothing_is_left_of_goes(known: Plan | None, due: int | None) -> None:
    found = decided(known, due, NOW + 5)

    assert (found.requests, found.row, found.next_start) == ([], None, None)


def test_tick_of_a_trigger_that_is_no_more_goes() -> None:
    found = decided(plan(), NOW, NOW + 5, trigger="0123456789ab")

    assert (found.requests, found.row, found.next_start) == ([], None, None)


def test_tick_that_was_decided_before_moves_its_entry_only() -> None:
    found = decided(plan(), NOW + SECOND, NOW + 5)

    assert (found.requests, found.row, found.next_start) == ([], None, NOW + SECOND)


def test_tick_due_before_its_job_was_disabled_is_the_last_one() -> None:
    found = decided(plan(enabled=False, enabled_at=NOW + 10), NOW, NOW + 60_000)

    assert [request.cause.due for request in found.requests] == [NOW]
    assert found.row is not None
    assert (found.row.new_due, found.next_start) == (None, None)


def test_batches_are_bounded_by_their_runs() -> None:
    many = [decided(plan(catch_up={"policy": "all"}), NOW, NOW + 3600 * SECOND) for _ in range(4)]

    pieces = list(in_batches(many, 2 * len(many[0].requests)))

    assert [len(piece) for piece in pieces] == [2, 2]


@given(
    every=st.sampled_from([500, 1000, 7000]),
    missed=st.integers(0, 400),
    late=st.integers(0, 20_000),
    policy=st.sampled_from(["skip", "last", "all"]),
    limit=st.integers(1, 250),
    window=st.integers(1, 1000),
)
def test_outage_follows_the_policy_to_the_row(
    every: int, missed: int, late: int, policy: str, limit: int, window: int
) -> None:
    one = plan(every=every, catch_up={"policy": policy, "limit": limit, "window": f"PT{window}S"})
    now = NOW + missed * every + late
    dues = list(range(NOW, now + 1, every))

    runs, alone, summed = _all_passes(one, now)

    within = [due for due in dues if now - due <= window * SECOND]
    wanted = {"skip": [], "last": within[-1:], "all": within[-limit:]}[policy] if now - NOW > ON_TIME_MS else dues
    assert runs == wanted
    assert sorted([*runs, *alone, *summed]) == dues, "each due time is decided once"
    if len(dues) - len(wanted) <= MOST_RECORDS:
        assert summed == []
    if policy != "all" or limit <= MOST_RUNS:
        assert len(alone) >= min(MOST_RECORDS, len(dues) - len(wanted))


def _all_passes(one: Plan, now: int) -> tuple[list[int], list[int], list[int]]:
    """Decide until nothing is due any more; the due times that run, that have a record, and that share one."""
    (schedule,) = one.schedules.values()
    runs: list[int] = []
    alone: list[int] = []
    summed: list[int] = []
    due: int | None = NOW
    while due is not None and due <= now:
        found = decided(one, due, now)
        runs += runs_of(found)
        for request in found.requests:
            if request.skip is None:
                continue
            if request.cause.since is None:
                alone.append(request.cause.due or 0)
                continue
            at: int | None = request.cause.since
            while at is not None and at <= (request.cause.due or 0):
                summed.append(at)
                at = schedule.following(at)
        assert found.row is not None
        due = found.row.new_due
    return runs, alone, summed
