"""Promise 3: an event starts its jobs at least once, and once per job, source and id."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from rota.errors import BusUnavailable
from rota.events import Event
from rota.states import RunState
from scheduler.events import Events
from scheduler.listening import hearing
from scheduler.listening.matching import match
from store.engine import Store
from store.queries import events
from tests.integration.scheduler.conftest import Duties, World, states

HOUR = 3_600_000
LISTEN = [{"event": "entry.*"}]


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """A store of either kind."""
    store = Store(database_url)
    yield store
    store.close()


def publish(world: World, *ids: str, **fields: Any) -> None:
    given = {"source": "test", "type": "entry.deleted", **fields}
    world.bus.events.publish([Event(id=each, **given) for each in ids])


def take(world: World, duties: Duties | None = None) -> None:
    (duties or world.duties).events.step()


def received(world: World) -> list[Any]:
    with world.store.reading() as conn:
        return events.list_events(conn).items


def test_event_starts_the_job_that_listens(world: World) -> None:
    world.define(triggers=LISTEN)
    world.define("deaf", triggers=[{"event": "entry.created"}])
    publish(world, "1", data={"size": 3})

    take(world)

    (run,) = world.runs()
    assert run.cause.event == {"source": "test", "id": "1", "type": "entry.deleted"}
    assert world.detail(run.id).tasks[0].id in world.messages()
    assert world.runs("deaf") == []
    assert world.bus.events.waiting() == 0
    (record,) = received(world)
    assert [(one.job, one.run) for one in record.matched] == [("tidy", run.id)]


def test_event_published_twice_starts_one_run(world: World) -> None:
    world.define(triggers=LISTEN)
    publish(world, "1", "1")
    take(world)
    publish(world, "1", "2")
    take(world)

    assert len(world.runs()) == 2
    counted = world.duties.tally.take()
    assert counted == {"events_matched": 2, "events_repeated": 2}


def test_event_that_comes_twice_out_of_order_and_an_hour_late_starts_one_run(world: World) -> None:
    world.define(triggers=LISTEN)
    now = world.clock.now_ms()
    for event_id, age in (("late", HOUR), ("new", 0), ("late", HOUR), ("new", 0), ("older", 2 * HOUR), ("late", HOUR)):
        publish(world, event_id, time=now - age)
        take(world)

    causes = [run.cause.event for run in world.runs()]
    assert [cause["id"] for cause in causes if cause is not None] == ["late", "new", "older"]


def test_repeated_event_does_not_start_a_job_that_came_later(world: World) -> None:
    publish(world, "1")
    take(world)
    world.define(triggers=LISTEN)
    publish(world, "1")
    take(world)

    assert world.runs() == []


def test_condition_decides(world: World) -> None:
    world.define(triggers=[{"event": "entry.deleted", "where": "event.data.size > 10 && job.name == 'tidy'"}])
    publish(world, "small", data={"size": 1})
    publish(world, "large", data={"size": 11})
    publish(world, "none", data={})

    take(world)

    (run,) = world.runs()
    assert run.cause.event is not None
    assert run.cause.event["id"] == "large"
    none, _, small = received(world)
    assert small.matched == ()
    assert none.matched[0].run is None
    assert "size" in none.matched[0].reason


def test_event_caused_by_the_job_itself_starts_it_only_if_it_allows_loops(world: World) -> None:
    world.define("careful", triggers=LISTEN)
    world.define("looping", triggers=LISTEN, allow_loop=True)
    publish(world, "1", chain=("careful", "looping", "careful"))

    take(world)

    assert world.runs("careful") == []
    (run,) = world.runs("looping")
    assert run.chain == ("careful", "looping")
    reasons = [one.reason for one in received(world)[0].matched if one.job == "careful"]
    assert reasons == ["a run of the job led to this event, and it does not allow loops"]


def test_unreadable_event_is_set_aside_and_its_neighbours_start_runs(world: World) -> None:
    world.define(triggers=LISTEN)
    publish(world, "1")
    world.bus.client.xadd(world.bus.keys.events, {"id": "2", "source": "test"})
    publish(world, "3")

    take(world)

    assert len(world.runs()) == 2
    assert world.bus.events.waiting() == 0
    ((_, dead),) = world.bus.client.xrange(world.bus.keys.dead_events)
    assert b"type" in dead[b"rota_reason"]
    assert world.duties.tally.take()["events_refused"] == 1


def test_crash_before_the_entry_is_dropped_starts_nothing_twice(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.define(triggers=LISTEN)
    publish(world, "1")

    def lost(*_: object, **__: object) -> int:
        raise BusUnavailable("the reply was lost")

    with monkeypatch.context() as patch:
        patch.setattr(world.bus.timetable, "emit", lost)
        with pytest.raises(BusUnavailable):
            take(world)
    heir = world.take_over()
    take(world, heir)
    heir.sweeper.step()

    (run,) = world.runs()
    assert world.messages() == {world.detail(run.id).tasks[0].id}
    assert world.bus.events.waiting() == 0


def test_deposed_leader_leaves_events_to_the_new_one(world: World) -> None:
    world.define(triggers=LISTEN)
    heir = world.take_over()
    publish(world, "1")

    take(world)
    assert world.messages() == set()
    assert world.duties.leader.leading() is None
    take(world, heir)
    heir.sweeper.step()

    (run,) = world.runs()
    assert world.messages() == {world.detail(run.id).tasks[0].id}


def test_disabled_job_hears_nothing(world: World) -> None:
    world.define(triggers=LISTEN, enabled=False)
    publish(world, "1")

    take(world)

    assert world.runs() == []


def test_overlapping_event_is_a_recorded_skip(world: World) -> None:
    world.define(triggers=LISTEN, overlap="skip")
    publish(world, "1", "2")

    take(world)

    assert states(world.runs()) == [RunState.QUEUED, RunState.SKIPPED]
    assert received(world)[0].matched[0].reason == f"run {world.runs()[0].id} is still open"


def test_nothing_is_read_before_the_definitions_are(world: World) -> None:
    """What comes at the first start finds the jobs that listen for it."""
    read: list[int] = []
    duties = world.duties
    waiting = Events(
        world.store,
        world.bus,
        duties.catalogue,
        duties.leader,
        windows=duties.windows,
        definitions_read=lambda epoch: epoch in read,
        clock=world.clock,
        tally=duties.tally,
    )
    publish(world, "1")
    waiting.step()
    assert world.bus.events.waiting() == 1

    world.define(triggers=LISTEN)
    read.append(duties.leader.leading() or 0)
    waiting.step()

    assert len(world.runs()) == 1


def test_entry_that_was_trimmed_while_it_was_read_stops_nobody(world: World) -> None:
    world.define(triggers=[{"event": "entry.*"}])
    world.bus.events.publish([Event(id="1", source="s", type="entry.deleted")])
    assert world.bus.events.read(block_ms=1)
    world.bus.client.xtrim(world.bus.keys.events, maxlen=0)
    world.bus.events.publish([Event(id="2", source="s", type="entry.deleted")])

    world.duties.events.step()
    world.duties.events.step()

    assert [run.cause.event["id"] for run in world.runs() if run.cause.event] == ["2"]
    assert world.bus.client.xpending(world.bus.keys.events, "scheduler")["pending"] == 0


def test_conditions_are_evaluated_while_others_may_write(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.define(triggers=[{"event": "entry.*", "where": "event.id != ''"}])
    world.bus.events.publish([Event(id="1", source="s", type="entry.deleted")])
    evaluated: list[Event] = []
    before_the_transaction: list[int] = []
    write = world.store.write

    def counted(event: Event, snapshot: Any) -> Any:
        evaluated.append(event)
        return match(event, snapshot)

    def noted(change: Any) -> Any:
        before_the_transaction.append(len(evaluated))
        return write(change)

    monkeypatch.setattr(hearing, "match", counted)
    monkeypatch.setattr(world.store, "write", noted)
    world.duties.events.step()

    assert (len(evaluated), before_the_transaction) == (1, [1])
    assert len(world.runs()) == 1


def test_job_that_is_saved_while_events_are_matched_hears_them(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.bus.events.publish([Event(id="1", source="s", type="entry.deleted")])
    write = world.store.write

    def late(change: Any) -> Any:
        monkeypatch.setattr(world.store, "write", write)
        world.define(triggers=[{"event": "entry.*"}])
        return write(change)

    monkeypatch.setattr(world.store, "write", late)
    world.duties.events.step()

    assert len(world.runs()) == 1
