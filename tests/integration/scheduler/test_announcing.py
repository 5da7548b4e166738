"""Rota's own events: ends of runs whoever ended them, runs that are late, and the start of the system."""

from __future__ import annotations

from typing import Any

import pytest

import bus.events
from rota.errors import BusUnavailable
from rota.events import Event, decode_fields
from rota.runs import Cause
from rota.states import RunState
from scheduler.admission.admitting import Request, admit, deliver
from scheduler.runs import control
from scheduler.started import Started
from tests.integration.scheduler.conftest import REGISTRY, Duties, World
from tests.waiting import wait_until

FOLLOWING = [{"event": "run.*"}]


def published(world: World) -> list[Event]:
    """What waits in the stream of events, the oldest first; it stays there."""
    entries = world.bus.client.xrange(world.bus.keys.events)
    return [decode_fields({name.decode(): text.decode() for name, text in fields.items()}) for _, fields in entries]


def start(world: World, job: str = "tidy", **fields: Any) -> str:
    request = Request(job=job, cause=Cause.of_person("ann", f"{len(world.runs(job))}"), **fields)
    admitted = admit(world.store, [request], now=world.clock.now_ms(), actors=REGISTRY)
    deliver(world.bus, admitted)
    return admitted[0].run


def cancel(world: World, run: str) -> None:
    control.cancel(world.store, world.bus, [run], now=world.clock.now_ms(), reason="enough")


def refresh(world: World, duties: Duties | None = None) -> None:
    """Let a scheduler know the jobs, as its other loops would have seen to."""
    with world.store.reading() as conn:
        (duties or world.duties).catalogue.refresh(conn)


def test_end_that_was_recorded_and_not_published_is_published_by_the_next(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.define()
    world.define("follower", triggers=FOLLOWING)
    run = start(world)
    refresh(world)
    world.work()

    with monkeypatch.context() as patch:
        patch.setattr(world.duties.announcer, "publish", lambda _: None)
        patch.setattr(world.bus.outcomes, "done", _killed)
        with pytest.raises(BusUnavailable):
            world.duties.recorder.take(world.bus.outcomes.read(block_ms=1))
    assert published(world) == []
    heir = world.take_over()
    refresh(world, heir)
    heir.recorder.step()

    (event,) = published(world)
    assert (event.id, event.type, event.source) == (f"{run}:succeeded", "run.succeeded", "rota/jobs/tidy")
    assert event.data == {"run": run, "job": "tidy", "state": "succeeded"}
    assert event.chain == ("tidy",)


def _killed(*_: object, **__: object) -> None:
    raise BusUnavailable("killed here")


def test_end_is_announced_for_a_job_that_was_saved_a_moment_before(world: World) -> None:
    world.define()
    refresh(world)
    run = start(world)
    world.work()
    world.define("follower", triggers=FOLLOWING)

    world.record()

    assert [event.id for event in published(world)] == [f"{run}:succeeded"]


def test_leader_that_has_not_looked_at_the_jobs_yet_announces_ends(world: World) -> None:
    world.define()
    world.define("follower", triggers=FOLLOWING)
    run = start(world)
    world.work()

    world.take_over().recorder.step()

    assert [event.id for event in published(world)] == [f"{run}:succeeded"]


def test_failure_tells_its_error(world: World) -> None:
    world.define()
    world.define("follower", triggers=[{"event": "run.failed", "where": "event.data.job == 'tidy'"}])
    run = start(world)
    refresh(world)
    world.work(state="failed")
    world.record()

    (event,) = published(world)
    assert event.data == {"run": run, "job": "tidy", "state": "failed", "error": "ValueError: it broke"}
    world.duties.events.step()
    (follower,) = world.runs("follower")
    assert follower.chain == ("tidy",)


def test_cancel_of_what_is_not_in_the_bus_is_announced(world: World) -> None:
    world.define(overlap="buffer_all")
    world.define("follower", triggers=FOLLOWING)
    start(world)
    waiting = start(world)
    assert world.detail(waiting).run.state is RunState.WAITING

    cancel(world, waiting)
    world.duties.announcer.step()
    world.duties.announcer.step()

    assert [event.id for event in published(world)] == [f"{waiting}:cancelled"]


def test_run_that_makes_way_is_announced(world: World) -> None:
    world.define(overlap="terminate_other")
    world.define("follower", triggers=FOLLOWING)
    first = start(world)
    start(world)

    world.duties.announcer.step()

    assert [event.id for event in published(world)] == [f"{first}:cancelled"]


def test_lost_task_that_was_to_be_cancelled_is_announced(world: World) -> None:
    world.define()
    world.define("follower", triggers=FOLLOWING)
    run = start(world)
    refresh(world)
    world.bus.client.delete(*world.bus.client.keys("*"))
    world.duties.leader.campaign()
    cancel(world, run)
    world.duties.sweeper.step()
    world.duties.announcer.step()

    assert {event.id for event in published(world)} == {f"{run}:cancelled"}


def test_ends_nobody_listens_for_are_not_published(world: World) -> None:
    world.define()
    start(world)
    refresh(world)
    world.work()
    world.record()
    cancel(world, start(world))
    world.duties.announcer.step()

    assert published(world) == []


def test_late_run_is_announced_once(world: World) -> None:
    world.define(late_after="PT1S")
    world.define("in-time", late_after="PT1H")
    start(world, "in-time")
    run = start(world)
    with world.store.writing() as conn:
        conn.exec_driver_sql("UPDATE runs SET late_at = late_at - 5000, queued_at = queued_at - 5000")

    for _ in range(3):
        world.duties.announcer.step()

    (event,) = published(world)
    assert (event.type, event.id, event.subject) == ("run.late", f"{run}:late", run)
    assert set(event.data) == {"run", "job", "state", "due", "seconds"}
    assert (event.data["state"], event.data["job"]) == ("queued", "tidy")
    assert 5 <= event.data["seconds"] < 60
    assert event.chain == ("tidy",)


def test_run_that_ended_in_time_is_not_late(world: World) -> None:
    world.define(late_after="PT1S")
    run = start(world)
    world.work()
    world.record()
    ended_at = world.detail(run).run.ended_at or 0
    with world.store.writing() as conn:
        conn.exec_driver_sql("UPDATE runs SET late_at = ended_at + 1")
    wait_until(lambda: world.clock.now_ms() > ended_at + 1)

    assert world.duties.announcer.step() == 0.0, "it was looked at"

    assert published(world) == []


def test_end_that_found_the_stream_full_outlives_its_scheduler(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.define()
    world.define("follower", triggers=FOLLOWING)
    run = start(world)
    refresh(world)
    world.work()
    with monkeypatch.context() as patch:
        patch.setattr(bus.events, "MOST_WAITING", 0)
        world.record()
    assert (published(world), world.bus.outcomes.waiting()) == ([], 0)

    heir = world.take_over()
    heir.announcer.step()
    heir.announcer.step()

    assert [event.id for event in published(world)] == [f"{run}:succeeded"]


def test_start_is_announced_by_the_first_and_once(world: World) -> None:
    first, second = (Started(world.bus, name, clock=world.clock) for name in ("first", "second"))
    for duty in (first, second, first, second):
        duty.step()

    (event,) = published(world)
    assert (event.type, event.source, event.id) == ("rota.started", "rota", "first")
    assert set(event.data) == {"scheduler", "host", "version", "at"}


def test_takeover_is_no_start_and_coming_back_to_nobody_is(world: World) -> None:
    first, second = (Started(world.bus, name, clock=world.clock) for name in ("first", "second"))
    first.step()
    second.step()
    first.leave()
    third = Started(world.bus, "third", clock=world.clock)
    third.step()
    assert [event.id for event in published(world)] == ["first"]

    second.leave()
    third.leave()
    third.leave()
    Started(world.bus, "fourth", clock=world.clock).step()

    assert [event.id for event in published(world)] == ["first", "fourth"]


def test_each_start_of_a_system_of_its_own_is_one_however_often_its_scheduler_starts(world: World) -> None:
    world.define("greet", triggers=[{"event": "rota.started"}])
    for scheduler, start in (("first", "up-1"), ("second", "up-1"), ("third", "up-2")):
        Started(world.bus, scheduler, start=start, clock=world.clock).step()

    world.duties.events.step()

    assert [run.cause.event["id"] for run in world.runs("greet") if run.cause.event] == ["up-1", "up-2"]


def test_start_is_said_again_until_it_is_in_the_stream(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    duty = Started(world.bus, "first", clock=world.clock)
    with monkeypatch.context() as patch:
        patch.setattr(world.bus.events, "publish", _killed)
        with pytest.raises(BusUnavailable):
            duty.step()

    duty.step()
    duty.step()

    assert [event.id for event in published(world)] == ["first"]
