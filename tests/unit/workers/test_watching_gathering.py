"""When what has changed is told. Times are made up."""

from __future__ import annotations

from rota.changes import MOST_PATHS
from workers.watching_gathering import MOST_GATHER_SECONDS, Gathering


def test_changes_are_gathered_for_a_moment() -> None:
    gathering = Gathering(seconds=1)
    assert gathering.due_at is None

    gathering.add("docs", [b"a"], now=10)
    gathering.add("docs", [b"b"], now=10.9)

    assert gathering.due_at == 11
    assert gathering.due(10.9) == {}
    assert gathering.due(11) == {"docs": {b"a", b"b"}}
    gathering.told("docs", events=1, now=11)
    assert (gathering.due_at, gathering.due(20)) == (None, {})


def test_after_a_storm_more_is_gathered() -> None:
    gathering = Gathering(seconds=1)
    gathering.add("docs", [b"a"], now=0)
    gathering.told("docs", events=7, now=1)

    gathering.add("docs", [b"b"], now=2)
    assert gathering.due_at == 8
    gathering.told("docs", events=1_000, now=8)
    gathering.add("docs", [b"b"], now=9)

    assert gathering.due_at == 8 + MOST_GATHER_SECONDS


def test_a_change_long_after_a_storm_is_told_as_soon_as_any() -> None:
    gathering = Gathering(seconds=1)
    gathering.add("docs", [b"a"], now=0)
    gathering.told("docs", events=1_000, now=1)

    gathering.add("docs", [b"b"], now=100)

    assert gathering.due_at == 101


def test_a_storm_in_one_datasource_does_not_hold_up_another() -> None:
    gathering = Gathering(seconds=1)
    gathering.add("storm", [b"a"], now=0)
    gathering.told("storm", events=9, now=1)

    gathering.add("storm", [b"a"], now=2)
    gathering.add("calm", [b"b"], now=2)

    assert gathering.due(3) == {"calm": {b"b"}}


def test_what_cannot_be_told_is_put_off_and_stays_bounded() -> None:
    gathering = Gathering(seconds=1)
    gathering.add("docs", [b"a"], now=0)

    gathering.put_off(5)
    gathering.add("docs", [b"%d/%d" % (n % 50, n) for n in range(20 * MOST_PATHS)], now=2)

    assert gathering.due_at == 5
    assert len(gathering.due(5)["docs"]) <= MOST_PATHS


def test_what_is_forgotten_is_not_told() -> None:
    gathering = Gathering(seconds=1)
    gathering.add("docs", [b"a"], now=0)

    gathering.forget("docs")
    gathering.forget("docs")

    assert (gathering.due_at, gathering.due(9)) == (None, {})
