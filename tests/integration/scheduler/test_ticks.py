"""Promise 1: every due tick becomes exactly one run or one recorded skip, whatever happens in between."""

from __future__ import annotations

import pytest

from bus.timetable import Tick
from rota.errors import BusUnavailable, StaleEpoch
from rota.states import RunState
from scheduler.timing import catch_up
from store.queries import jobs
from tests.integration.scheduler.conftest import World, states
from tests.waiting import wait_until

EVERY_SECOND = [{"every": "PT1S"}]
YEARLY = [{"cron": "0 0 1 1 *"}]


def due_long_ago(world: World, ms: int) -> int:
    """A due time on the grid of whole seconds."""
    return (world.clock.now_ms() - ms) // 1000 * 1000


def start_late(world: World, ms: int, **fields: object) -> int:
    """Define a job that ticks every second and was due first `ms` ago, and let the scheduler see it."""
    world.define(triggers=EVERY_SECOND, **fields)
    world.duties.ticks.step()
    due = due_long_ago(world, ms)
    world.make_due(due)
    # A new leader compares the timetable with the store.
    world.duties = world.take_over()
    wait_until(lambda: world.duties.ticks.step() is not None and world.runs())
    return due


def test_due_tick_becomes_one_run_with_one_message(world: World) -> None:
    world.define(triggers=EVERY_SECOND)
    world.duties.ticks.step()

    wait_until(lambda: world.duties.ticks.step() is not None and world.runs())

    (run,) = world.runs()[:1]
    assert run.state is RunState.QUEUED
    assert run.cause.kind == "tick"
    assert run.cause.due is not None
    assert run.cause.due % 1000 == 0
    assert world.detail(run.id).tasks[0].id in world.messages()


def test_step_sleeps_until_next_tick_is_due(world: World) -> None:
    world.define(triggers=[{"every": "PT0.5S"}])
    world.duties.ticks.step()

    assert 0.0 <= world.duties.ticks.step() <= 0.5


def test_new_job_in_store_is_seen_within_a_second(world: World) -> None:
    world.duties.ticks.step()
    world.define(triggers=YEARLY)

    wait_until(lambda: world.duties.ticks.step() is not None and world.bus.timetable.count() == 1)
    assert world.tick_rows()[0].due == world.job().next_due


def test_disabled_job_leaves_timetable_and_comes_back(world: World) -> None:
    world.define(triggers=YEARLY)
    world.duties.ticks.step()
    due = world.tick_rows()[0].due

    def switch(enabled: bool) -> None:
        with world.store.writing() as conn:
            jobs.set_enabled(conn, ["tidy"], enabled, at=world.clock.now_ms())

    switch(False)
    wait_until(lambda: world.duties.ticks.step() is not None and world.bus.timetable.count() == 0)
    assert world.tick_rows()[0].due is None
    switch(True)
    wait_until(lambda: world.duties.ticks.step() is not None and world.bus.timetable.count() == 1)
    assert world.tick_rows()[0].due == due


def test_deleted_job_ticks_no_more(world: World) -> None:
    world.define(triggers=EVERY_SECOND)
    world.duties.ticks.step()
    with world.store.writing() as conn:
        jobs.delete(conn, "tidy")

    wait_until(lambda: world.duties.ticks.step() is not None and world.bus.timetable.count() == 0)
    assert world.runs() == []


def test_tick_that_was_due_before_its_job_was_disabled_is_a_recorded_skip(world: World) -> None:
    world.define(triggers=EVERY_SECOND)
    world.duties.ticks.step()
    due = world.tick_rows()[0].due
    assert due is not None
    wait_until(lambda: world.clock.now_ms() > due)
    with world.store.writing() as conn:
        # Not when that is done, because the next tick may be due by then.
        jobs.set_enabled(conn, ["tidy"], False, at=due + 1)

    wait_until(lambda: world.duties.ticks.step() is not None and world.bus.timetable.count() == 0)

    (run,) = world.runs()
    assert (run.cause.due, run.state, run.reason) == (due, RunState.SKIPPED, "the job tidy is disabled")


def test_crash_between_store_and_emission_makes_no_second_run(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.define(triggers=EVERY_SECOND)
    world.duties.ticks.step()

    def lost(*_: object, **__: object) -> int:
        raise BusUnavailable("the reply was lost")

    with monkeypatch.context() as patch:
        patch.setattr(world.bus.timetable, "emit", lost)
        with pytest.raises(BusUnavailable):
            wait_until(lambda: world.duties.ticks.step() is not None and world.runs())
    (first,) = world.runs()
    assert world.messages() == set()

    heir = world.take_over()
    heir.ticks.step()
    heir.sweeper.step()

    causes = [run.cause.key for run in world.runs()]
    assert causes.count(first.cause.key) == 1
    assert world.detail(first.id).tasks[0].id in world.messages()
    assert world.bus.timetable.count(first.cause.due) == 0


def test_unsent_messages_go_out_with_next_step_of_same_leader(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.define(triggers=EVERY_SECOND)
    world.duties.ticks.step()

    def lost(*_: object, **__: object) -> int:
        raise BusUnavailable("the reply was lost")

    with monkeypatch.context() as patch:
        patch.setattr(world.bus.timetable, "emit", lost)
        with pytest.raises(BusUnavailable):
            wait_until(lambda: world.duties.ticks.step() is not None and world.runs())
    world.duties.ticks.step()

    (first, *later) = world.runs()
    assert world.detail(first.id).tasks[0].id in world.messages()
    assert first.cause.key not in [run.cause.key for run in later]


def test_deposed_leader_emits_nothing_and_steps_down(world: World) -> None:
    world.define(triggers=EVERY_SECOND)
    world.duties.ticks.step()
    heir = world.take_over()
    heir.ticks.step()
    assert world.duties.leader.leading() is not None, "it does not know yet that it was deposed"

    world.duties.ticks.step()

    assert world.duties.leader.leading() is None
    assert world.bus.census.figures().counters["stale_emissions"] == 1
    with pytest.raises(StaleEpoch):
        world.bus.timetable.emit(1, [])


def test_two_leaders_at_once_decide_every_tick_once(world: World) -> None:
    world.define(triggers=[{"every": "PT0.2S"}])
    world.duties.ticks.step()
    wait_until(lambda: len(world.runs()) >= 2 or world.duties.ticks.step() is None)

    heir = world.take_over()
    for _ in range(10):
        heir.ticks.step()
        world.duties.ticks.step()

    dues = [run.cause.due for run in world.runs()]
    assert len(dues) == len(set(dues))


def test_tick_that_is_a_little_late_runs(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catch_up, "ON_TIME_MS", 60_000)
    due = start_late(world, 3000, catch_up={"policy": "skip"})

    records = world.runs()
    assert records[0].cause.due == due
    assert set(states(records)) == {RunState.QUEUED}
    assert len(records) >= 3


@pytest.mark.parametrize("policy", ["skip", "last", "all"])
def test_missed_ticks_follow_catch_up_policy(world: World, policy: str) -> None:
    start_late(world, 60_000, catch_up={"policy": policy})

    records = world.runs()
    assert states(records).count(RunState.QUEUED) == {"skip": 0, "last": 1, "all": len(records)}[policy]
    dues = sorted(run.cause.due or 0 for run in records)
    assert dues == list(range(dues[0], dues[-1] + 1000, 1000)), "each missed tick has its record"
    assert len(dues) >= 60
    if policy == "last":
        assert [run.cause.due for run in records if run.state is RunState.QUEUED] == [dues[-1]]


def test_long_outage_is_summed_up_in_one_skip(world: World) -> None:
    due = start_late(world, 3_600_000, catch_up={"policy": "last"})

    records = world.runs()
    assert states(records).count(RunState.QUEUED) == 1
    assert 100 <= states(records).count(RunState.SKIPPED) <= 101
    summary = min(records, key=lambda run: run.cause.due or 0)
    assert summary.reason is not None
    assert summary.reason.startswith("more than 1000 ticks from ")
    assert due < (summary.cause.due or 0)


def test_jitter_moves_start_and_not_due_time(world: World) -> None:
    world.define(triggers=[{"every": "PT1S"}], jitter="PT0.5S")
    world.duties.ticks.step()
    (row,) = world.tick_rows()
    (_, score) = world.bus.client.zrange(world.bus.keys.timetable, 0, 0, withscores=True)[0]
    assert row.due is not None
    assert row.due <= score <= row.due + 500

    wait_until(lambda: world.duties.ticks.step() is not None and world.runs())

    assert world.runs()[0].cause.due == row.due


def test_overlap_skip_records_why(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catch_up, "ON_TIME_MS", 60_000)
    start_late(world, 3000, overlap="skip")

    first, *others = world.runs()
    assert first.state is RunState.QUEUED
    assert set(states(others)) == {RunState.SKIPPED}
    assert others[0].reason == f"run {first.id} is still open"


def test_schedule_that_cannot_be_computed_is_set_aside_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.define("broken", triggers=[{"every": "PT1S"}])
    world.define("healthy", triggers=[{"every": "PT1S"}])
    world.duties.ticks.step()

    def explode(_: int) -> int:
        raise OverflowError("year 10000")

    with world.store.reading() as conn:
        plan = world.duties.catalogue.plan(conn, "broken")
    assert plan is not None
    (schedule,) = plan.schedules.values()
    object.__setattr__(schedule, "following", explode)
    wait_until(lambda: world.duties.ticks.step() is not None and world.runs("healthy"))

    reason = "its schedule cannot be computed: OverflowError: year 10000"
    assert (world.job("broken").enabled, world.job("broken").enabled_reason) == (False, reason)
    (run,) = world.runs("broken")
    assert (run.state, run.reason) == (RunState.SKIPPED, reason)


def test_timetable_is_filled_again_after_redis_was_emptied(world: World) -> None:
    world.define(triggers=YEARLY)
    world.duties.ticks.step()
    world.bus.client.flushall()

    world.duties.ticks.step()
    world.duties.leader.campaign()
    world.duties.ticks.step()

    (row,) = world.tick_rows()
    assert Tick(job="tidy", trigger=row.trigger, due=0) in world.bus.timetable
    assert world.bus.timetable.seeded()


def test_tick_that_redis_forgot_comes_back(world: World) -> None:
    world.define(triggers=YEARLY)
    world.duties.ticks.step()
    world.bus.client.delete(world.bus.keys.timetable)

    world.duties = world.take_over()
    world.duties.ticks.step()

    assert world.bus.timetable.count() == 1


def test_five_hundred_jobs_tick_in_one_step(world: World) -> None:
    for n in range(500):
        world.define(f"job-{n}", triggers=EVERY_SECOND)
    world.duties.ticks.step()

    wait_until(lambda: world.duties.ticks.step() is not None and world.waiting() >= 500)

    counted = world.duties.tally.take()
    assert counted["ticks_run"] >= 500
    assert "ticks_repeated" not in counted
