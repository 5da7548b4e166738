"""Several events become one run: gathered once, through crashes, changes of leader and edits of the job."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from bus.timetable import Window
from rota.errors import BusUnavailable
from rota.events import MAX_EVENT_BYTES, Event, encode_fields
from rota.states import RunState
from scheduler.listening.hearing import hear
from scheduler.listening.matching import TRIGGER_GONE
from scheduler.listening.windows import LOOK_SECONDS
from store.engine import Store
from store.queries import events, jobs, windows
from tests.integration.scheduler.conftest import Duties, World, states
from tests.waiting import wait_until

HOUR = 3_600_000
QUIETLY = {"event": "entry.*", "debounce": {"quiet": "PT10S", "max_wait": "PT1M"}}
GIVEN = {"params": {"ids": {"type": "list", "default": []}, "last": {"type": "string", "default": ""}}}
MAPPED = QUIETLY | {"params": {"ids": "${events.map(e, e.id)}", "last": "${event.id}"}}


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


def opened(world: World) -> list[tuple[str, int]]:
    """The windows there are, with their due times, the earliest first."""
    with world.store.reading() as conn:
        return windows.upcoming(conn, before=world.clock.now_ms() + HOUR, limit=100)


def fire(world: World, *, now: int | None = None, duties: Duties | None = None) -> None:
    """Let all windows be due at `now`, in an hour unless it is given."""
    acting = duties or world.duties
    epoch = acting.leader.leading()
    assert epoch is not None
    client, timetable = world.bus.client, world.bus.keys.timetable
    due = [Window(id=window, due=int(client.zscore(timetable, f"w:{window}") or due)) for window, due in opened(world)]
    acting.windows.fire(epoch, due, world.clock.now_ms() + HOUR if now is None else now)


def given_to(world: World, run: str) -> list[str]:
    with world.store.reading() as conn:
        return [event.id for event in events.gathered_by(conn, [run])[run]]


def received(world: World) -> list[Any]:
    with world.store.reading() as conn:
        return events.list_events(conn).items[::-1]


def test_events_become_one_run_with_the_list(world: World) -> None:
    world.define(triggers=[MAPPED], **GIVEN)
    publish(world, "1", "2")
    take(world)
    publish(world, "3")
    take(world)
    ((window, _),) = opened(world)
    assert world.runs() == []
    assert f"{window}" in world.bus.timetable

    fire(world)

    (run,) = world.runs()
    assert run.id == window
    assert run.params == {"ids": ["1", "2", "3"], "last": "3"}
    assert (run.cause.kind, run.cause.count) == ("event", 3)
    assert run.cause.event == {"source": "test", "id": "3", "type": "entry.deleted"}
    assert world.detail(run.id).tasks[0].id in world.messages()
    assert [one.matched[0].run for one in received(world)] == [window] * 3
    assert (opened(world), window in world.bus.timetable) == ([], False)


def test_it_is_due_when_it_was_quiet_but_not_later_than_the_longest_wait(world: World) -> None:
    world.define(triggers=[{"event": "*", "debounce": {"quiet": "PT40S", "max_wait": "PT1M"}}])
    with world.store.writing() as conn:
        world.duties.catalogue.refresh(conn)
        snapshot = world.duties.catalogue.current
        for second, expected in ((0, 40), (30, 60), (59, 60)):
            hear(conn, [Event(id=f"{second}", source="s", type="t")], snapshot, second * 1000)
            assert [due for _, due in windows.upcoming(conn, before=HOUR, limit=9)] == [expected * 1000]


def test_event_sent_twice_is_gathered_once(world: World) -> None:
    world.define(triggers=[QUIETLY])
    publish(world, "1", "1", "2")
    take(world)
    publish(world, "2", "1")
    take(world)

    fire(world)

    (run,) = world.runs()
    assert given_to(world, run.id) == ["1", "2"]


def test_each_key_has_a_window_of_its_own(world: World) -> None:
    by_key = {"event": "*", "debounce": {"key": "event.data.datasource"}}
    world.define(triggers=[by_key])
    for n, datasource in enumerate(("docs", "mail", "docs", "x" * 1000)):
        publish(world, f"{n}", data={"datasource": datasource})
    publish(world, "bad", data={})

    take(world)
    fire(world)

    assert sorted(given_to(world, run.id) for run in world.runs()) == [["0", "2"], ["1"], ["3"]]
    (bad,) = received(world)[-1].matched
    assert bad.run is None
    assert bad.reason.startswith("debounce.key: ")


def test_full_windows_start_at_once_and_the_next_one_opens(world: World) -> None:
    full = {"event": "*", "debounce": {"quiet": "PT10S", "max_events": 3}}
    world.define(triggers=[full])
    publish(world, *(f"{n}" for n in range(8)))

    take(world)

    assert [given_to(world, run.id) for run in world.runs()] == [["0", "1", "2"], ["3", "4", "5"]]
    assert len(world.messages()) == 2
    publish(world, "8")
    take(world)
    assert [given_to(world, run.id) for run in world.runs()][2:] == [["6", "7", "8"]]
    assert opened(world) == []


def test_entry_that_comes_early_is_moved(world: World) -> None:
    world.define(triggers=[QUIETLY])
    publish(world, "1")
    take(world)
    ((window, due),) = opened(world)
    world.bus.timetable.put_windows([(window, due - 9_000)])
    epoch = world.duties.leader.leading()
    assert epoch is not None

    world.duties.windows.fire(epoch, [Window(id=window, due=due - 9_000)], due - 1)

    assert world.runs() == []
    assert world.bus.client.zscore(world.bus.keys.timetable, f"w:{window}") == due


def test_entry_without_a_window_is_dropped(world: World) -> None:
    world.bus.timetable.put_windows([("gone", 5)])
    epoch = world.duties.leader.leading()
    assert epoch is not None

    world.duties.windows.fire(epoch, [Window(id="gone", due=5)], 10)

    assert "gone" not in world.bus.timetable


def test_window_whose_entry_was_lost_is_entered_again(world: World) -> None:
    world.define(triggers=[{"event": "*", "debounce": {"quiet": "PT1S"}}])
    publish(world, "1")
    take(world)
    ((window, due),) = opened(world)
    world.bus.client.flushall()

    world.other().windows.look(world.clock.now_ms())

    assert due < world.clock.now_ms() + 2 * LOOK_SECONDS * 1000
    assert world.bus.client.zscore(world.bus.keys.timetable, f"w:{window}") == due


def test_crash_before_the_emission_loses_and_doubles_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.define(triggers=[QUIETLY | {"debounce": {"quiet": "PT0.1S", "max_events": 2}}])
    publish(world, "1", "2", "3")

    def lost(*_: object, **__: object) -> int:
        raise BusUnavailable("the reply was lost")

    with monkeypatch.context() as patch:
        patch.setattr(world.bus.timetable, "put_windows", lost)
        with pytest.raises(BusUnavailable):
            take(world)
    heir = world.take_over()
    take(world, heir)
    wait_until(lambda: opened(world)[-1][1] < world.clock.now_ms())
    with monkeypatch.context() as patch:
        patch.setattr(world.bus.timetable, "emit", lost)
        with pytest.raises(BusUnavailable):
            fire(world, now=world.clock.now_ms(), duties=heir)
    fire(world, now=world.clock.now_ms(), duties=heir)
    heir.sweeper.step()

    assert [given_to(world, run.id) for run in world.runs()] == [["1", "2"], ["3"]]
    assert world.messages() == {world.detail(run.id).tasks[0].id for run in world.runs()}
    assert world.bus.events.waiting() == 0


def test_two_leaders_at_once_gather_each_event_once(world: World) -> None:
    """One of them is none any more and does not know it yet: both write what they have read."""
    world.define(triggers=[QUIETLY | {"debounce": {"quiet": "PT10S", "max_events": 7}}])
    given = [Event(id=f"{n}", source="test", type="entry.deleted") for n in range(60)]
    snapshots = []
    for duties in (world.duties, world.other()):
        with world.store.reading() as conn:
            duties.catalogue.refresh(conn)
        snapshots.append(duties.catalogue.current)

    def hear_all(n: int) -> None:
        # In pieces of different sizes, so that each is first with some of them.
        for at in range(0, len(given), 4 + n):
            some = given[at : at + 4 + n]
            world.store.write(lambda conn, some=some: hear(conn, some, snapshots[n], world.clock.now_ms()))  # type: ignore[misc]

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(hear_all, (0, 1)))
    fire(world)

    assert [len(given_to(world, run.id)) for run in world.runs()].count(7) == 8
    everything = [event for run in world.runs() for event in given_to(world, run.id)]
    assert sorted(everything, key=int) == [event.id for event in given]


def test_two_schedulers_fire_a_window_once(world: World) -> None:
    world.define(triggers=[QUIETLY | {"debounce": {"key": "event.id"}}])
    publish(world, *(f"{n}" for n in range(40)))
    take(world)
    due = [Window(id=window, due=at) for window, at in opened(world)]
    epoch = world.duties.leader.leading()
    assert epoch is not None
    now = world.clock.now_ms() + HOUR

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda duties: duties.windows.fire(epoch, due, now), (world.duties, world.other())))

    assert len(world.runs()) == 40
    assert len(world.messages()) == 40


def test_disabled_job_has_its_window_recorded_as_skipped(world: World) -> None:
    world.define(triggers=[QUIETLY])
    publish(world, "1")
    take(world)
    with world.store.writing() as conn:
        jobs.set_enabled(conn, ["tidy"], False, at=world.clock.now_ms(), reason=None)

    fire(world)

    (run,) = world.runs()
    assert (run.state, run.reason) == (RunState.SKIPPED, "the job tidy is disabled")


def test_deleted_job_has_its_window_dropped(world: World) -> None:
    world.define(triggers=[QUIETLY])
    publish(world, "1")
    take(world)
    with world.store.writing() as conn:
        jobs.delete(conn, "tidy")

    fire(world)

    assert (world.runs(), opened(world)) == ([], [])


def test_edited_job_fires_as_it_is_now(world: World) -> None:
    world.define(triggers=[QUIETLY])
    publish(world, "1")
    take(world)
    world.define(triggers=[QUIETLY], label="New")

    fire(world)

    (run,) = world.runs()
    assert (run.job_version, run.state) == (2, RunState.QUEUED)


def test_job_whose_trigger_changed_has_its_window_recorded_as_skipped(world: World) -> None:
    world.define(triggers=[QUIETLY])
    publish(world, "1")
    take(world)
    world.define(triggers=[{"event": "other.*"}])

    fire(world)

    (run,) = world.runs()
    assert (run.state, run.reason) == (RunState.SKIPPED, TRIGGER_GONE)


def test_parameter_without_a_value_is_a_recorded_skip(world: World) -> None:
    mapping = {"last": "${event.data.path}"}
    world.define("plain", triggers=[{"event": "entry.*", "params": mapping}], **GIVEN)
    world.define("gathers", triggers=[QUIETLY | {"params": mapping}], **GIVEN)
    world.define("wrong", triggers=[{"event": "entry.*", "params": {"ids": "${event.id}"}}], **GIVEN)
    publish(world, "1", data={})

    take(world)
    fire(world)

    for job in ("plain", "gathers", "wrong"):
        (run,) = world.runs(job)
        assert run.state is RunState.SKIPPED
        assert run.reason is not None
        assert ("params: " in run.reason) or ("ids" in run.reason)


def test_window_that_cannot_be_read_does_not_hold_back_its_neighbours(world: World) -> None:
    world.define(triggers=[QUIETLY | {"debounce": {"key": "event.id"}}])
    publish(world, "1", "2", "3")
    take(world)
    with world.store.writing() as conn:
        conn.exec_driver_sql("UPDATE events SET envelope = '{}' WHERE event_id = '2'")

    fire(world)

    assert sorted(given_to(world, run.id)[0] for run in world.runs()) == ["1", "3"]
    assert opened(world) == []


def test_while_everything_is_paused_nothing_is_read_and_nothing_fires(world: World) -> None:
    world.define(triggers=[QUIETLY])
    publish(world, "1")
    take(world)
    with world.store.writing() as conn:
        jobs.pause_everything(conn, person="tester", reason="repairs", at=world.clock.now_ms())
    publish(world, "2")

    take(world)
    fire(world)
    assert (world.runs(), world.bus.events.waiting()) == ([], 1)

    with world.store.writing() as conn:
        jobs.resume_everything(conn, person="tester", at=world.clock.now_ms())
    take(world)
    fire(world)
    (run,) = world.runs()
    assert given_to(world, run.id) == ["1", "2"]


def test_throttle_lets_the_first_through_and_gives_the_others_a_reason(world: World) -> None:
    throttle = {"limit": 2, "period": "PT1H", "key": "event.data.user"}
    world.define(triggers=[{"event": "*", "throttle": throttle}])
    for n, user in enumerate(("ann", "bob", "ann", "ann")):
        publish(world, f"{n}", data={"user": user})
    take(world)
    publish(world, "4", data={"user": "ann"})
    publish(world, "5", data={"user": "bob"})
    take(world)

    assert states(world.runs()) == [RunState.QUEUED] * 4
    matched = {record.id: record.matched[0] for record in received(world)}
    assert {id_ for id_, one in matched.items() if one.run is None} == {"3", "4"}
    assert matched["4"].reason == 'throttled: 2 events with the key "ann" in PT1H may start a run'


def test_tick_gives_its_runs_the_parameters_of_its_trigger(world: World) -> None:
    world.define(triggers=[{"every": "PT1H", "params": {"last": "by the clock"}}], **GIVEN)
    world.duties.ticks.step()
    world.make_due(world.clock.now_ms() // HOUR * HOUR)
    heir = world.take_over()

    wait_until(lambda: heir.ticks.step() is not None and world.runs() != [])

    assert world.runs()[0].params == {"ids": [], "last": "by the clock"}


def test_event_as_large_as_may_be_is_given_to_its_run_with_its_neighbours(world: World) -> None:
    world.define(triggers=[MAPPED], **GIVEN)
    room = MAX_EVENT_BYTES - sum(len(name) + len(value) for name, value in encode_fields(_holding("")).items())
    world.bus.events.publish([_holding("x" * room)])
    publish(world, "2")

    take(world)
    fire(world)

    (run,) = world.runs()
    assert (run.state, run.params["ids"]) == (RunState.QUEUED, ["large", "2"])


def _holding(text: str) -> Event:
    return Event(id="large", source="test", type="entry.deleted", data={"text": text})


def test_parameters_that_are_too_large_are_not_kept_with_the_skip(world: World) -> None:
    world.define(
        triggers=[QUIETLY | {"params": {"ids": "${events}"}}],
        params={"ids": {"type": "list", "default": []}},
    )
    publish(world, *"123456789", data={"text": "x" * 50_000})

    take(world)
    fire(world)

    (run,) = world.runs()
    assert (run.state, run.params) == (RunState.SKIPPED, {})
    assert "bytes, allowed are" in (run.reason or "")


def test_loop_through_a_window_of_many_chains_is_seen(world: World) -> None:
    world.define(triggers=[QUIETLY])
    world.define("first", triggers=[{"event": "run.succeeded"}])
    chains = [("first",), *((f"job-{n}",) for n in range(100))]
    events = [Event(id=f"{n}", source="test", type="entry.deleted", chain=chain) for n, chain in enumerate(chains)]
    world.bus.events.publish(events)
    take(world)
    fire(world)
    (run,) = world.runs()

    world.bus.events.publish([Event(id="end", source="rota", type="run.succeeded", chain=(*run.chain, "tidy"))])
    take(world)

    assert world.runs("first") == []
