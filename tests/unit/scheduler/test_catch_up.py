"""Which missed ticks run, which are skipped, and that no due time is lost or decided twice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rota.jobs import CatchUp
from rota.schedules import next_due
from rota.triggers import CronTrigger, EveryTrigger
from scheduler.timing.catch_up import MOST_RECORDS, MOST_RUNS, ON_TIME_MS, Decision, decide, latest, newest

MINUTE = 60_000
DAY = 1440 * MINUTE


def every(ms: int):
    return lambda after: after + ms - after % ms


def at(due: int):
    return lambda after: due if due > after else None


def decided(due: int, now: int, following, *, jitter_ms: int = 0, start: int | None = None, **policy) -> Decision:
    rules = CatchUp(**policy)
    return decide(due, now, following, rules, start=due if start is None else start, jitter_ms=jitter_ms)


def test_tick_on_time_starts_one_run() -> None:
    assert decided(MINUTE, MINUTE + 5, every(MINUTE)) == Decision((MINUTE,), (), 2 * MINUTE)


def test_last_tick_has_no_next() -> None:
    assert decided(MINUTE, MINUTE, at(MINUTE)) == Decision((MINUTE,), (), None)


@pytest.mark.parametrize("policy", ["skip", "last", "all"])
def test_delay_of_a_change_of_leader_is_on_time_for_every_policy(policy: str) -> None:
    found = decided(1000, 1000 + ON_TIME_MS, every(1000), policy=policy)

    assert found == Decision((1000, 2000, 3000, 4000, 5000, 6000), (), 7000)


def test_skip_runs_none_of_the_missed() -> None:
    found = decided(0, 3 * MINUTE + 1, every(MINUTE), policy="skip")

    assert found.runs == ()
    assert [skip.due for skip in found.skips] == [0, MINUTE, 2 * MINUTE, 3 * MINUTE]
    assert found.next_due == 4 * MINUTE


def test_last_runs_the_last_of_the_missed() -> None:
    found = decided(0, 3 * MINUTE + 1, every(MINUTE), policy="last")

    assert found.runs == (3 * MINUTE,)
    assert [skip.due for skip in found.skips] == [0, MINUTE, 2 * MINUTE]
    rules = "catch_up: last, window P1D, limit 100"
    assert found.skips[0].reason == f"missed while no scheduler was there or everything was paused ({rules})"


def test_all_runs_the_newest_up_to_the_limit() -> None:
    found = decided(0, 4 * MINUTE + 1, every(MINUTE), policy="all", limit=2)

    assert found.runs == (3 * MINUTE, 4 * MINUTE)
    assert [skip.due for skip in found.skips] == [0, MINUTE, 2 * MINUTE]


@pytest.mark.parametrize("policy", ["last", "all"])
def test_what_was_missed_for_longer_than_the_window_never_runs(policy: str) -> None:
    found = decided(0, DAY, every(DAY // 2), policy=policy, window="PT1H")

    assert found.runs == (DAY,)
    assert [skip.due for skip in found.skips] == [0, DAY // 2]


def test_single_tick_missed_for_longer_than_the_window_is_skipped() -> None:
    found = decided(0, 2 * DAY, at(0), policy="last", window="P1D")

    assert (found.runs, [skip.due for skip in found.skips], found.next_due) == ((), [0], None)


def test_long_outage_is_summed_up_by_one_skip() -> None:
    now = 500 * MINUTE + 1
    found = decided(0, now, every(MINUTE), policy="last")

    summary, *alone = found.skips
    assert len(alone) == MOST_RECORDS
    assert summary.due == alone[0].due - MINUTE
    assert summary.reason.startswith(
        "400 ticks from 1970-01-01T00:00:00.000Z to 1970-01-01T06:39:00.000Z: missed while no scheduler was there"
    )
    assert found.runs == (500 * MINUTE,)


def test_uncountably_many_are_summed_up_too() -> None:
    found = decided(0, 30 * DAY, every(100), policy="skip")

    assert found.skips[0].reason.startswith("more than 1000 ticks from ")
    assert len(found.skips) == MOST_RECORDS + 1
    assert found.next_due == 30 * DAY + 100


def test_many_runs_are_started_piece_by_piece() -> None:
    now = 900 * MINUTE
    first = decided(0, now, every(MINUTE), policy="all", limit=250)
    assert len(first.runs) == MOST_RUNS
    second = decided(first.next_due, now, every(MINUTE), policy="all", limit=250)
    third = decided(second.next_due, now, every(MINUTE), policy="all", limit=250)

    runs = [*first.runs, *second.runs, *third.runs]
    assert runs == [n * MINUTE for n in range(651, 901)]
    assert second.skips == third.skips == ()
    assert third.next_due == 901 * MINUTE


def test_jittered_tick_is_on_time_by_its_start() -> None:
    found = decided(0, 9000, every(20_000), start=9000, jitter_ms=10_000, policy="skip")

    assert found == Decision((0,), (), 20_000)


def test_later_due_times_that_may_still_wait_for_their_start_are_left() -> None:
    found = decided(0, 31_000, every(10_000), start=9000, jitter_ms=10_000, policy="last")

    assert found.runs == (20_000,)
    assert found.next_due == 30_000


def test_months_of_a_daily_schedule_are_looked_through_quickly() -> None:
    trigger = CronTrigger(cron="0 3 * * *", timezone="Europe/Paris")
    looks = 0

    def following(after: int) -> int | None:
        nonlocal looks
        looks += 1
        return next_due(trigger, after)

    due = next_due(trigger, 0)
    assert due is not None
    decide(due, 400 * DAY, following, CatchUp(policy="last"), start=due)

    assert looks < 1500


@given(length=st.integers(100, 5 * MINUTE), first=st.integers(0, 1000), span=st.integers(0, 50 * MINUTE))
def test_latest_and_newest_agree_with_counting(length: int, first: int, span: int) -> None:
    trigger = EveryTrigger(every="PT1S")
    assert next_due(trigger, 0) == 1000
    due = first * length
    dues = list(range(due, due + span + 1, length))

    assert latest(due, due + span, every(length)) == dues[-1]
    assert newest(due, due + span, every(length), 7) == dues[-7:]


@given(
    length=st.integers(100, 10 * MINUTE),
    late=st.integers(0, 3 * DAY),
    policy=st.sampled_from(["skip", "last", "all"]),
    limit=st.integers(1, 300),
)
def test_every_due_time_is_decided_once(length: int, late: int, policy: str, limit: int) -> None:
    due: int | None = 0
    told: list[int] = []
    while due is not None and due <= late:
        found = decided(due, late, every(length), policy=policy, limit=limit)
        records = sorted([*found.runs, *(skip.due for skip in found.skips)])
        assert len(records) == len(set(records))
        assert not told or records[0] > told[-1]
        assert found.next_due is not None
        assert found.next_due > records[-1]
        told += records
        due = found.next_due

    assert told[-1] + length > late, "all are decided until now"
    # Behind the summary, which stands for all before it, no due time is missing.
    after = told[1:]
    assert after == list(range(after[0], after[-1] + 1, length)) if after else True
