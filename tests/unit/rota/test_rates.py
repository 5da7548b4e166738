"""Rates of starts: exact over every span, first come first served, and no slower than they have to be."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rota.rates import MOST_STARTS, Starts, next_start, with_start

PERIOD = 1000


def run_through(asked: list[int], *, limit: int, period_ms: int) -> list[int]:
    """Give a start to each of these requests, in their order."""
    starts = Starts()
    given: list[int] = []
    for now in asked:
        start = next_start(starts.at, limit=limit, period_ms=period_ms, now=now)
        starts = with_start(starts, start, period_ms=period_ms, now=now)
        given.append(start)
    return given


@given(
    st.lists(st.integers(-3000, 3000), max_size=60),
    st.integers(1, 5),
    st.integers(1, 2000),
)
def test_no_span_of_a_period_holds_more_starts_than_the_limit(steps: list[int], limit: int, period_ms: int) -> None:
    # The clocks of those who ask may differ, so time goes back too.
    asked = [10**6 + sum(steps[: n + 1]) for n in range(len(steps))]

    starts = run_through(asked, limit=limit, period_ms=period_ms)

    assert starts == sorted(starts)
    assert all(start >= now for start, now in zip(starts, asked, strict=True))
    assert all(later - earlier >= period_ms for earlier, later in zip(starts, starts[limit:], strict=False))


@given(st.lists(st.integers(0, 500), max_size=60), st.integers(1, 5))
def test_a_start_waits_only_for_the_rate_or_for_those_before_it(gaps: list[int], limit: int) -> None:
    asked = [sum(gaps[: n + 1]) for n in range(len(gaps))]

    starts = run_through(asked, limit=limit, period_ms=PERIOD)

    for n, (now, start) in enumerate(zip(asked, starts, strict=True)):
        bounds = [now, *starts[:n][-1:], *(at + PERIOD for at in starts[max(0, n - limit) : n][: n >= limit])]
        assert start == max(bounds)


@given(st.lists(st.tuples(st.integers(0, 400), st.booleans()), max_size=80))
def test_rules_that_share_a_key_each_hold_at_their_own_starts(asked: list[tuple[int, bool]]) -> None:
    rules = {True: (3, 2000), False: (2, 500)}
    starts, at = Starts(), 0
    all_of_them: list[int] = []
    # How long starts are remembered is known from the longest rule on that has asked.
    for gap, which in [(0, True), *asked]:
        at += gap
        limit, period_ms = rules[which]
        start = next_start(starts.at, limit=limit, period_ms=period_ms, now=at)
        starts = with_start(starts, start, period_ms=period_ms, now=at)
        all_of_them.append(start)
        assert sum(start - period_ms < each <= start for each in all_of_them) <= limit


def test_two_starts_a_whole_period_apart_share_no_span() -> None:
    assert run_through([0, 0, 0], limit=1, period_ms=PERIOD) == [0, 1000, 2000]


def test_what_no_longer_counts_is_forgotten() -> None:
    starts = with_start(Starts(), 0, period_ms=PERIOD, now=0)

    later = with_start(starts, 1000, period_ms=PERIOD, now=1000)

    assert (later.at, later.until) == ((1000,), 2000)


def test_no_more_starts_are_kept_than_a_limit_may_ask_for() -> None:
    starts = Starts()
    for now in range(MOST_STARTS + 10):
        starts = with_start(starts, now, period_ms=10**9, now=now)

    assert len(starts.at) == MOST_STARTS
    assert next_start(starts.at, limit=MOST_STARTS, period_ms=10**9, now=MOST_STARTS + 10) == 10 + 10**9
