"""What time it is when clocks jump: a table of cases, and a machine that tries what nobody thought of."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from rota.clock import ManualClock
from rota.times import DAY_MS
from scheduler.timing.timekeeping import DRIFT, STALE_SECONDS, TOLERANCE_MS, Reading, Timekeeper, read
from tests.factories import NOW

HOUR = 3_600_000


def looks(keeper: Timekeeper, *offsets: tuple[int | None, int], step_ms: int = 1000) -> list[int]:
    """Look once for each pair of offsets of server and own clock, a second apart; return how wrong the answers are."""
    wrong = []
    for n, (server, own) in enumerate(offsets):
        true = NOW + n * step_ms
        told = None if server is None else true + server
        wrong.append(keeper.look(Reading(server=told, own=true + own, monotonic=n * step_ms / 1000)) - true)
    return wrong


@pytest.mark.parametrize("jump", [-DAY_MS, -HOUR, -1000, 1000, HOUR, DAY_MS])
def test_jump_of_one_clock_is_not_followed(jump: int) -> None:
    assert looks(Timekeeper(None), (0, 0), (jump, 0), (jump, 0), (0, 0)) == [0, 0, 0, 0]
    assert looks(Timekeeper(None), (0, 0), (0, jump), (0, jump), (0, 0)) == [0, 0, 0, 0]


@pytest.mark.parametrize("jump", [-DAY_MS, -1000, 1000, DAY_MS])
def test_both_clocks_that_jump_alike_were_set(jump: int) -> None:
    assert looks(Timekeeper(None), (0, 0), (jump, jump), (jump, jump)) == [0, jump, jump]


def test_clocks_that_jump_differently_leave_the_monotonic_one() -> None:
    assert looks(Timekeeper(None), (0, 0), (HOUR, -HOUR), (DAY_MS, HOUR), (0, HOUR)) == [0, 0, 0, 0]


def test_clock_that_comes_back_when_the_other_goes_is_right() -> None:
    assert looks(Timekeeper(None), (0, 0), (HOUR, 0), (0, HOUR), (HOUR, 0)) == [0, 0, 0, 0]


def test_small_difference_is_no_jump() -> None:
    assert looks(Timekeeper(None), (0, 80), (0, 80), (0, 80)) == [0, 0, 0]


def test_slewed_clock_is_followed() -> None:
    slow = [(-n // 2, -n // 2) for n in range(4000)]

    assert looks(Timekeeper(None), *slow)[-1] == slow[-1][0]


def test_clock_that_is_right_again_after_a_long_time_is_believed() -> None:
    """The monotonic clock alone is not exact for days."""
    keeper = Timekeeper(None)
    keeper.look(Reading(server=NOW, own=NOW, monotonic=0))
    keeper.look(Reading(server=NOW + DAY_MS + HOUR, own=NOW, monotonic=86_400))

    back = NOW + DAY_MS + 20_000

    assert keeper.look(Reading(server=back, own=NOW, monotonic=86_400)) == back


def test_reading_that_was_long_on_its_way_says_nothing() -> None:
    clock = ManualClock(NOW, monotonic=100.0)
    clock.advance(int(STALE_SECONDS * 1000) + 1)

    assert read(clock, server=NOW, asked=100.0).server is None
    assert read(clock, server=NOW, asked=clock.monotonic()).server == NOW


@pytest.mark.parametrize(
    ("last", "server", "own", "wrong"),
    [
        (None, 0, 0, 0),
        (None, 0, HOUR, 0),
        (None, -HOUR, 0, -HOUR),
        (-5000, DAY_MS, 0, 0),
        (-5000, 0, DAY_MS, 0),
        (-5000, -DAY_MS, 0, 0),
        (-5000, 0, -DAY_MS, 0),
        (-5000, -HOUR, -2 * HOUR, -5000),
        (-5000, None, -HOUR, -5000),
        (-5000, -HOUR, -HOUR, -HOUR),
    ],
    ids=[
        "both agree",
        "no bound: the smaller one is taken",
        "no bound: even if it is wrong",
        "server ahead",
        "own ahead",
        "server behind what was trusted",
        "own behind what was trusted",
        "both behind: what was trusted",
        "server says nothing",
        "both set back",
    ],
)
def test_first_look_of_a_term(last: int | None, server: int | None, own: int, wrong: int) -> None:
    keeper = Timekeeper(None if last is None else NOW + last)

    assert looks(keeper, (server, own)) == [wrong]


def test_wrong_clocks_are_named() -> None:
    keeper = Timekeeper(None)

    looks(keeper, (0, 0), (HOUR, 0))
    assert keeper.doubted == ("server",)
    looks(keeper, (HOUR, -HOUR))
    assert keeper.doubted == ("server", "own")


def test_time_goes_on_between_looks() -> None:
    keeper = Timekeeper(None)
    assert keeper.now(1.0) is None

    keeper.look(Reading(server=NOW, own=NOW, monotonic=1.0))

    assert keeper.now(1.5) == NOW + 500


class Clocks(RuleBasedStateMachine):
    """Two wall clocks of which one is right at any time, a monotonic one that drifts, leaders that come and go."""

    @initialize()
    def start(self) -> None:
        self.true = float(NOW)
        self.monotonic = 0.0
        self.offsets = {"server": 0, "own": 0}
        self.last: int | None = None
        self.keeper = Timekeeper(None)
        self.told = float(NOW)
        self.look()

    @rule(
        clock=st.sampled_from(["server", "own"]),
        jump=st.one_of(st.integers(1000, DAY_MS), st.integers(-DAY_MS, -1000)),
    )
    def one_jumps(self, clock: str, jump: int) -> None:
        other = "own" if clock == "server" else "server"
        if self.offsets[other] == 0:
            self.offsets[clock] += jump
            self.look()

    @rule(clock=st.sampled_from(["server", "own"]))
    def one_is_put_right(self, clock: str) -> None:
        self.offsets[clock] = 0
        self.look()

    @rule(ms=st.integers(1, 600_000), drift=st.floats(-1, 1))
    def time_passes(self, ms: int, drift: float) -> None:
        """A look comes once a second; a process that stood still has had none for longer."""
        self.true += ms
        self.monotonic += ms / 1000 * (1 + drift * DRIFT / 2)
        self.look()

    @rule()
    def stale_answer(self) -> None:
        """The process stood still between the server's answer and its own clocks."""
        self.true += 30_000
        self.monotonic += 30.0
        self.told = self.keeper.look(
            Reading(server=None, own=int(self.true) + self.offsets["own"], monotonic=self.monotonic)
        )

    @rule(ms=st.integers(0, 5000))
    def another_leads(self, ms: int) -> None:
        """Its monotonic clock is another one; what the last one trusted was noted up to a second before."""
        self.true += ms
        self.last = int(self.told)
        self.monotonic = 5.0
        self.keeper = Timekeeper(self.last)
        self.look()

    def look(self) -> None:
        server, own = (int(self.true) + self.offsets[name] for name in ("server", "own"))
        self.told = self.keeper.look(Reading(server=server, own=own, monotonic=self.monotonic))

    @invariant()
    def never_ahead(self) -> None:
        assert self.told - self.true <= 2 * TOLERANCE_MS

    @invariant()
    def never_far_behind(self) -> None:
        assert self.true - self.told <= 10_000


TestClocks = Clocks.TestCase
TestClocks.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
