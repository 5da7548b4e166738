"""What changes in the very moment in which a tick is due: definitions, everything paused, clocks."""

from __future__ import annotations

import pytest

from rota.clock import SystemClock
from rota.states import RunState
from rota.times import DAY_MS
from scheduler.ticks import Ticks
from scheduler.timing.timekeeping import TOLERANCE_MS
from store.queries import jobs
from tests.integration.scheduler.conftest import World, states
from tests.waiting import wait_until

EVERY_SECOND = [{"every": "PT1S"}]


class WrongClock(SystemClock):
    """A wall clock that can be put wrong; what measures goes on."""

    offset = 0

    def now_ms(self) -> int:
        return super().now_ms() + self.offset


def wait_until_due(world: World, job: str = "tidy") -> int:
    due = world.tick_rows(job)[0].due
    assert due is not None
    wait_until(lambda: world.clock.now_ms() > due)
    return due


def test_job_edited_in_the_second_it_is_due_runs_as_it_is_now(world: World) -> None:
    world.define(triggers=EVERY_SECOND)
    world.duties.ticks.step()
    due = wait_until_due(world)
    world.define(triggers=EVERY_SECOND, label="New")

    wait_until(lambda: world.duties.ticks.step() is not None and world.runs())

    first = world.runs()[0]
    assert (first.cause.due, first.job_version) == (due, 2)


def test_tick_of_a_job_that_changes_before_it_is_recorded_is_decided_again(world: World) -> None:
    world.define(triggers=EVERY_SECOND)
    world.define("other", triggers=[{"cron": "0 0 1 1 *"}])
    world.duties.ticks.step()
    due = wait_until_due(world)
    ticks = world.duties.ticks
    write = world.store.write
    changed: list[str] = []

    def edit_first(change):  # type: ignore[no-untyped-def]
        if not changed and change.__qualname__.startswith("Ticks."):
            changed.append("tidy")
            world.define(triggers=EVERY_SECOND, label="New")
        return write(change)

    world.store.write = edit_first  # type: ignore[method-assign]
    # The time that the scheduler trusts may be a little behind the clock here.
    wait_until(lambda: ticks.step() is not None and changed)
    assert world.runs() == [], "it was decided by what does not hold any more"
    ticks.step()

    assert [(run.cause.due, run.job_version) for run in world.runs()][:1] == [(due, 2)]


def test_trigger_that_is_taken_away_in_the_second_it_is_due_starts_nothing(world: World) -> None:
    world.define(triggers=EVERY_SECOND)
    world.duties.ticks.step()
    wait_until_due(world)
    world.define(triggers=[{"cron": "0 0 1 1 *"}])

    wait_until(lambda: world.duties.ticks.step() is not None and world.bus.timetable.count() == 1)
    world.duties.ticks.step()

    assert world.runs() == []
    assert len(world.tick_rows()) == 1


def pause(world: World) -> None:
    with world.store.writing() as conn:
        assert jobs.pause_everything(conn, person="ada", reason="we move", at=world.clock.now_ms())


def resume(world: World) -> None:
    with world.store.writing() as conn:
        assert jobs.resume_everything(conn, person="ada", at=world.clock.now_ms())


def test_nothing_is_decided_while_everything_is_paused(world: World) -> None:
    world.define(triggers=EVERY_SECOND)
    world.duties.ticks.step()
    due = wait_until_due(world)
    pause(world)

    for _ in range(5):
        assert world.duties.ticks.step() >= 0
    assert world.runs() == []
    assert world.tick_rows()[0].due == due

    resume(world)
    wait_until(lambda: world.duties.ticks.step() is not None and world.runs())
    assert world.runs()[0].cause.due == due


def test_new_leader_finds_everything_paused(world: World) -> None:
    world.define(triggers=EVERY_SECOND)
    world.duties.ticks.step()
    wait_until_due(world)
    pause(world)

    heir = world.take_over()
    heir.ticks.step()

    assert world.runs() == []


@pytest.mark.parametrize("policy", ["skip", "last", "all"])
def test_after_a_pause_the_catch_up_policy_is_followed_to_the_row(world: World, policy: str) -> None:
    world.define(triggers=EVERY_SECOND, catch_up={"policy": policy, "limit": 10})
    world.duties.ticks.step()
    pause(world)
    world.duties.ticks.step()
    first = (world.clock.now_ms() - 60_000) // 1000 * 1000
    world.make_due(first)
    resume(world)
    world.duties = world.take_over()

    wait_until(lambda: world.duties.ticks.step() is not None and world.runs())

    missed = world.runs()
    row = world.tick_rows()[0].due
    assert row is not None
    assert [run.cause.due for run in missed][0] == first
    assert sorted(run.cause.due or 0 for run in missed) == list(range(first, row, 1000))
    last = len(missed) - {"skip": 0, "last": 1, "all": 10}[policy]
    by_due = sorted(missed, key=lambda run: run.cause.due or 0)
    assert set(states(by_due[:last])) == {RunState.SKIPPED}
    assert set(states(by_due[last:])) <= {RunState.QUEUED}
    assert "everything was paused" in (by_due[0].reason or "")


def step_in_time(world: World, ticks: Ticks) -> bool:
    """Do a step, and see that it decided what was due and nothing before its time, however slow the machine is."""
    before = world.clock.now_ms()
    ticks.step()
    after = world.clock.now_ms()
    (row,) = world.tick_rows()
    assert row.due is not None
    assert row.due > before - TOLERANCE_MS, "what was due is decided"
    for run in world.runs():
        assert (run.cause.due or 0) - TOLERANCE_MS <= run.queued_at <= after + TOLERANCE_MS
    return True


@pytest.mark.parametrize("jump", [DAY_MS, -DAY_MS, 1000, -1000])
def test_jump_of_the_own_clock_moves_no_tick(world: World, jump: int) -> None:
    clock = WrongClock()
    ticks = Ticks(
        world.store, world.bus, world.duties.catalogue, world.duties.leader, clock=clock, tally=world.duties.tally
    )
    world.define(triggers=EVERY_SECOND)
    ticks.step()
    due = world.tick_rows()[0].due
    assert due is not None
    clock.offset = jump

    wait_until(lambda: step_in_time(world, ticks) and len(world.runs()) >= 2)

    assert sorted(run.cause.due or 0 for run in world.runs())[:2] == [due, due + 1000]


@pytest.mark.parametrize("jump", [DAY_MS, -DAY_MS])
def test_new_leader_with_a_wrong_clock_goes_on_in_time(world: World, jump: int) -> None:
    world.define(triggers=EVERY_SECOND)
    world.duties.ticks.step()
    due = world.tick_rows()[0].due
    assert world.bus.timetable.trusted() is not None
    heir = world.other()
    wrong = WrongClock()
    wrong.offset = jump
    world.bus.leadership.resign(world.duties.leader.owner)
    heir.leader.campaign()
    ticks = Ticks(world.store, world.bus, heir.catalogue, heir.leader, clock=wrong, tally=heir.tally)

    wait_until(lambda: step_in_time(world, ticks) and world.runs())

    assert world.runs()[0].cause.due == due
