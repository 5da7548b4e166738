"""Throttles let the first events of a period through."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rota.rates import Starts
from scheduler.jobs.plans import Throttling
from scheduler.listening.hearing import let_through

DAY = 86_400_000


def passed(limit: int, period: int, times: list[int]) -> list[int]:
    """Which of these times get through."""
    throttling = Throttling(limit=limit, period_ms=period, key=None)
    starts, through = Starts(), []
    for at in times:
        after = let_through(starts, throttling, at)
        if after is not None:
            starts = after
            through.append(at)
    return through


def test_first_of_a_period_get_through() -> None:
    assert passed(2, 100, [0, 10, 20, 99, 100, 105, 110, 111]) == [0, 10, 100, 110]


def test_clock_that_was_set_back_silences_nobody_who_is_within_the_limit() -> None:
    assert passed(2, 100, [DAY, 5]) == [DAY, 5]


@given(st.integers(1, 5), st.integers(1, 50), st.lists(st.integers(0, 300), max_size=60))
def test_no_span_holds_more_than_the_limit_and_nobody_is_held_back_without_reason(
    limit: int, period: int, times: list[int]
) -> None:
    times = sorted(times)
    through = passed(limit, period, times)

    for at in through:
        assert sum(at <= other < at + period for other in through) <= limit
    left = list(through)
    for at in times:
        if left and left[0] == at:
            left.pop(0)
        else:
            assert sum(at - period < other <= at for other in through) >= limit
