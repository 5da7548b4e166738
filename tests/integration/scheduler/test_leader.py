"""Promise 4, second half: one leader, and another within five seconds."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from bus.connection import Bus
from bus.leadership import Leadership
from rota.clock import ManualClock
from rota.errors import BusUnavailable
from scheduler.leader import Leader
from tests.waiting import wait_until


@pytest.fixture
def bus(redis_url: str) -> Iterator[Bus]:
    bus = Bus(redis_url, leader_lease_ms=3000)
    yield bus
    bus.close()


def test_one_leads_and_the_other_follows_when_it_resigns(bus: Bus) -> None:
    first, second = Leader(bus.leadership, "first"), Leader(bus.leadership, "second")
    first.campaign()
    second.campaign()
    epoch = first.leading()
    assert (epoch is not None, second.leading()) == (True, None)

    first.stop()
    second.campaign()

    assert first.leading() is None
    assert second.leading() > epoch


def test_leader_doubts_itself_before_its_lease_is_over(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ManualClock(monotonic=1000.0)
    leadership = Leadership(bus.scripts, 3000, monotonic=clock.monotonic)
    leader = Leader(leadership, "first", clock=clock)
    leader.campaign()

    def away(_: str) -> None:
        raise BusUnavailable("it is away")

    monkeypatch.setattr(leadership, "campaign", away)
    clock.advance(2300)
    leader.campaign()
    assert leader.leading() is not None
    clock.advance(200)

    assert leader.leading() is None


def test_change_is_told_once(bus: Bus) -> None:
    told: list[int | None] = []
    leader = Leader(bus.leadership, "first", on_change=[told.append])

    leader.campaign()
    leader.campaign()
    leader.doubt()
    leader.campaign()
    leader.stop()

    epoch = told[0]
    assert told == [epoch, None, epoch, None]


def test_new_leader_within_five_seconds_of_a_death(bus: Bus) -> None:
    """By the server's clock and the pauses between two questions: a slow machine adds what it takes to ask."""
    dead, heir = Leader(bus.leadership, "dead"), Leader(bus.leadership, "heir")
    begin = time.monotonic()
    dead.campaign()
    assert bus.client.pttl(bus.keys.leader) + max(heir.campaign() for _ in range(100)) * 1000 < 5_000
    assert bus.client.pttl(bus.keys.leader) <= 3_000, "to be asked for does not make a lease longer"
    heir.start()

    wait_until(lambda: heir.leading() is not None, timeout=60)

    assert time.monotonic() - begin > 2
    heir.stop()


def test_stop_is_safe_before_start_and_twice(bus: Bus) -> None:
    leader = Leader(bus.leadership, "first")

    leader.stop()
    leader.start()
    wait_until(lambda: leader.leading() is not None)
    leader.stop()
    leader.stop()

    assert leader.leading() is None
    assert bus.census.figures().leader is None
