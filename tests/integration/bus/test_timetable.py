"""Windows beside ticks, the time that the caller trusts, and messages that wait first."""

from __future__ import annotations

import pytest

from bus.timetable import Advance, Tick, Window, WindowAdvance
from rota.errors import BusUnavailable, StaleEpoch
from rota.ids import new_id
from tests.integration.bus.conftest import LosesReplies, fetch, make_task, server_now
from tests.waiting import wait_until

DAY_MS = 86_400_000
FAR = 9_999_999_999_999


@pytest.fixture
def epoch(bus):
    return bus.leadership.campaign("a").epoch


def rings(bus):
    return bus.client.delete(bus.keys.timetable_bell) == 1


# --- windows -------------------------------------------------------------------------------------------------


def test_a_due_window_is_claimed_beside_ticks_until_it_is_emitted(bus, epoch):
    window, tick = Window(id=new_id(), due=2_000), Tick(job="j", trigger="t", due=1_000)
    bus.timetable.put_ticks([tick])
    bus.timetable.put_windows([(window.id, window.due), ("later", FAR)])

    for _ in range(2):
        claimed = bus.timetable.claim(epoch)
        assert (claimed.ticks, claimed.windows) == ((tick,), (window,))
    task = make_task()
    advance = WindowAdvance(id=window.id, due=window.due, next_due=None)
    sent = bus.timetable.emit(epoch, [Advance(tick=tick, next_due=None)], [task], windows=[advance])

    assert sent == 1
    claimed = bus.timetable.claim(epoch)
    assert (claimed.ticks, claimed.windows, claimed.next_due) == ((), (), FAR)
    assert window not in bus.timetable
    assert [row[0] for row in fetch(bus)] == [task.task]


def test_a_window_that_was_moved_meanwhile_stays_as_it_is(bus, epoch):
    bus.timetable.put_windows([("w", 1_000)])
    bus.timetable.claim(epoch)
    bus.timetable.put_windows([("w", 2_000)])

    bus.timetable.emit(epoch, [], windows=[WindowAdvance(id="w", due=1_000, next_due=None)])

    assert bus.timetable.claim(epoch).windows == (Window(id="w", due=2_000),)


def test_a_window_can_be_moved_on_by_the_emission(bus, epoch):
    bus.timetable.put_windows([("w", 1_000)])

    bus.timetable.emit(epoch, [], windows=[WindowAdvance(id="w", due=1_000, next_due=FAR)])

    claimed = bus.timetable.claim(epoch)
    assert (claimed.windows, claimed.next_due) == ((), FAR)
    assert "w" in bus.timetable
    assert "gone" not in bus.timetable


def test_a_stale_leader_moves_no_window(bus, epoch):
    bus.timetable.put_windows([("w", 1_000)])
    bus.leadership.resign("a")
    bus.leadership.campaign("b")

    with pytest.raises(StaleEpoch):
        bus.timetable.emit(epoch, [], windows=[WindowAdvance(id="w", due=1_000, next_due=None)])

    assert "w" in bus.timetable


def test_a_tick_and_a_window_of_one_name_are_two_entries(bus, epoch):
    bus.timetable.put_ticks([Tick(job="j", trigger="t", due=1_000)])
    bus.timetable.put_windows([("j/t", 1_000)])

    bus.timetable.emit(epoch, [], windows=[WindowAdvance(id="j/t", due=1_000, next_due=None)])

    claimed = bus.timetable.claim(epoch)
    assert len(claimed.ticks) == 1
    assert claimed.windows == ()


def test_only_a_window_earlier_than_everything_else_rings(bus):
    bus.timetable.put_ticks([Tick(job="j", trigger="t", due=5_000)])
    assert rings(bus)

    bus.timetable.put_windows([("later", 6_000)])
    assert not rings(bus)
    bus.timetable.put_windows([("earlier", 4_000)])
    assert rings(bus)


@pytest.mark.parametrize("script", ["claim", "emit"])
def test_a_lost_reply_moves_a_window_once(bus, epoch, script):
    bus.timetable.put_windows([("w", 1_000)])
    LosesReplies(bus, {script})
    task = make_task()

    def insist(call):
        try:
            return call()
        except BusUnavailable:
            return call()

    [window] = insist(lambda: bus.timetable.claim(epoch)).windows
    advance = WindowAdvance(id=window.id, due=window.due, next_due=7_000)
    insist(lambda: bus.timetable.emit(epoch, [], [task], windows=[advance]))

    assert bus.timetable.claim(epoch).windows == (Window(id="w", due=7_000),)
    assert [row[0] for row in fetch(bus)] == [task.task]


# --- whose time ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jump", [-DAY_MS, -1_000, 0, 1_000, DAY_MS])
def test_ticks_are_due_by_the_time_that_the_caller_gives(bus, epoch, jump):
    trusted = server_now(bus) + jump
    due, later = Tick(job="due", trigger="t", due=trusted), Tick(job="later", trigger="t", due=trusted + 1)
    bus.timetable.put_ticks([due, later])
    bus.timetable.put_windows([("due", trusted - 1), ("later", trusted + 2)])

    claimed = bus.timetable.claim(epoch, trusted)

    assert claimed.ticks == (due,)
    assert claimed.windows == (Window(id="due", due=trusted - 1),)
    assert (claimed.now, claimed.next_due) == (trusted, later.due)
    assert abs(claimed.server_now - (trusted - jump)) < 5_000


def test_without_a_time_the_servers_counts(bus, epoch):
    tick = Tick(job="j", trigger="t", due=server_now(bus))
    bus.timetable.put_ticks([tick])

    claimed = bus.timetable.claim(epoch)

    assert claimed.ticks == (tick,)
    assert claimed.now == claimed.server_now


@pytest.mark.parametrize("jump", [-DAY_MS, DAY_MS])
def test_a_delay_lasts_as_long_as_asked_whatever_the_callers_clock_says(bus, epoch, jump):
    short, long = make_task(), make_task()
    bus.sender.send([short, long], delays={short.task: 50, long.task: 3_600_000})

    def moved():
        return bus.timetable.claim(epoch, server_now(bus) + jump).moved

    wait_until(lambda: moved() == 1)

    assert [row[0] for row in fetch(bus)] == [short.task]
    trusted = server_now(bus) + jump
    claimed = bus.timetable.claim(epoch, trusted)
    assert 3_500_000 < claimed.next_due - trusted <= 3_600_001


def test_messages_that_wait_do_not_stand_in_the_way_of_ticks(bus, epoch):
    tasks = [make_task() for _ in range(20)]
    bus.sender.send(tasks, delays={task.task: 60_000 for task in tasks})
    trusted = server_now(bus) + DAY_MS
    tick = Tick(job="j", trigger="t", due=trusted)
    bus.timetable.put_ticks([tick])

    assert bus.timetable.claim(epoch, trusted, 5).ticks == (tick,)


def test_more_due_messages_than_one_claim_may_move_are_moved_by_the_next(bus, epoch):
    tasks = [make_task() for _ in range(12)]
    bus.sender.send(tasks, delays={task.task: 1 for task in tasks})
    wait_until(lambda: bus.timetable.count(server_now(bus)) == 12)

    first = bus.timetable.claim(epoch, None, 5)

    assert (first.moved, first.next_due) == (5, first.now)
    assert [bus.timetable.claim(epoch, None, 5).moved for _ in range(3)] == [5, 2, 0]


# --- messages that wait first --------------------------------------------------------------------------------


def test_an_emission_sends_some_now_and_some_later(bus, epoch):
    now, later = make_task(), make_task()

    assert bus.timetable.emit(epoch, [], [now, later], delays={later.task: 60_000}) == 2
    assert bus.timetable.emit(epoch, [], [now, later], delays={later.task: 60_000}) == 0

    assert [row[0] for row in fetch(bus)] == [now.task]
    assert later.task in bus.timetable
    assert bus.sender.known([later.task]) == {later.task}


def test_what_is_sent_with_a_delay_starts_no_sooner_and_is_sent_once(bus, epoch):
    task = make_task()
    sent = server_now(bus)
    bus.sender.send([task], delays={task.task: 80})
    assert bus.sender.send([task]) == 0

    wait_until(lambda: bus.timetable.claim(epoch).moved)

    assert server_now(bus) - sent >= 80
    assert [row[0] for row in fetch(bus)] == [task.task]


def test_a_delayed_message_due_before_everything_else_rings(bus):
    bus.timetable.put_ticks([Tick(job="j", trigger="t", due=FAR)])
    rings(bus)
    task = make_task()

    bus.sender.send([task], delays={task.task: 60_000})

    assert rings(bus)


def test_the_census_counts_ticks_windows_and_delayed_messages(bus):
    bus.timetable.put_ticks([Tick(job="j", trigger="t", due=server_now(bus) - 5_000)])
    bus.timetable.put_windows([("w", FAR)])
    task = make_task()
    bus.sender.send([task], delays={task.task: 60_000})

    figures = bus.census.figures()

    assert (figures.delayed, bus.timetable.count()) == (3, 3)
    assert figures.lag_ms >= 5_000


# --- what a leader leaves for the next one -------------------------------------------------------------------


def test_healing_enters_what_is_missing_and_moves_nothing_later(bus, epoch):
    early, late, gone = (Tick(job=name, trigger="t", due=5_000) for name in ("early", "late", "gone"))
    bus.timetable.put_ticks([Tick(job="early", trigger="t", due=1_000), Tick(job="late", trigger="t", due=9_000)])

    bus.timetable.heal_ticks([early, late, gone])

    ticks = bus.timetable.claim(epoch, 10_000).ticks
    assert {tick.job: tick.due for tick in ticks} == {"early": 1_000, "late": 5_000, "gone": 5_000}


def test_the_time_that_a_leader_trusted_is_there_for_the_next_one(make_bus):
    assert make_bus().timetable.trusted() is None

    make_bus().timetable.note_trusted(1_700_000_000_123)

    assert make_bus().timetable.trusted() == 1_700_000_000_123
