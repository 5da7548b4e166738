"""Exactly one of those that come learns that it is the first."""

from __future__ import annotations

import threading

import pytest

from rota.errors import BusUnavailable
from tests.integration.bus.conftest import LosesReplies, server_now
from tests.waiting import wait_until


def test_the_first_one_hears_that_nobody_was_there_as_often_as_it_asks(bus):
    assert bus.presence.join("a", 60_000)
    assert not bus.presence.join("b", 60_000)

    assert bus.presence.join("a", 60_000)
    assert not bus.presence.join("b", 60_000)


def test_of_many_that_come_at_once_one_is_the_first(make_bus):
    bus = make_bus()
    answers = []
    threads = [
        threading.Thread(target=lambda n=n: answers.append(bus.presence.join(f"m{n}", 60_000))) for n in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answers) == [False] * 11 + [True]


def test_who_stays_behind_does_not_become_the_first(bus):
    bus.presence.join("a", 60_000)
    bus.presence.join("b", 60_000)

    bus.presence.leave("a")

    assert not bus.presence.join("b", 60_000)
    assert not bus.presence.join("a", 60_000)


def test_when_all_have_left_the_next_one_is_the_first(bus):
    for member in ("a", "b"):
        bus.presence.join(member, 60_000)
    for member in ("a", "b", "b"):
        bus.presence.leave(member)

    assert bus.presence.join("c", 60_000)
    assert not bus.presence.join("a", 60_000)


def test_who_is_silent_for_its_time_is_gone(bus):
    bus.presence.join("a", 1)

    wait_until(lambda: server_now(bus) > bus.client.zscore(bus.keys.present, "a"))

    assert bus.presence.join("b", 60_000)
    assert not bus.presence.join("a", 60_000), "the system was founded anew"


def test_who_stays_is_not_gone_and_founds_nothing(bus):
    bus.presence.join("a", 1)
    bus.presence.stay("a", 60_000)
    assert not bus.presence.join("b", 60_000)

    bus.presence.leave("a")
    bus.presence.leave("b")
    bus.presence.stay("b", 60_000)

    assert not bus.presence.join("b", 60_000)
    assert not bus.presence.join("c", 60_000)


def test_who_knows_to_be_alone_is_the_first_however_recently_others_were_seen(bus):
    bus.presence.join("a", 60_000)

    assert bus.presence.join("b", 60_000, alone=True)
    assert bus.presence.join("b", 60_000, alone=True)
    assert bus.presence.join("c", 60_000, alone=True)
    bus.presence.leave("c")

    assert bus.presence.join("d", 60_000), "nobody of the earlier ones is believed any more"


@pytest.mark.parametrize("call", ["join", "stay", "leave"])
def test_a_lost_reply_changes_nothing_about_who_was_first(bus, call):
    losing = LosesReplies(bus)

    def insist(ask):
        try:
            return ask()
        except BusUnavailable:
            return ask()

    losing.losing |= {"presence"} if call == "join" else set()
    assert insist(lambda: bus.presence.join("a", 60_000))
    losing.losing |= {"presence"} if call == "stay" else set()
    insist(lambda: bus.presence.stay("a", 60_000))
    assert not bus.presence.join("b", 60_000)
    losing.losing |= {"presence"} if call == "leave" else set()
    insist(lambda: bus.presence.leave("a"))
    bus.presence.leave("b")

    assert bus.presence.join("c", 60_000)
    assert losing.lost == 1
