"""How arriving events are spread over windows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.listening.gathering import shares


@pytest.mark.parametrize(
    ("before", "arrived", "most", "expected"),
    [
        (0, 3, 5, [3]),
        (3, 2, 5, [5]),
        (3, 3, 5, [5, 1]),
        (0, 12, 5, [5, 5, 2]),
        (0, 10, 5, [5, 5]),
        (0, 2, 1, [1, 1]),
        (7, 3, 5, [7, 3]),  # the definition allows fewer than are there already
    ],
)
def test_windows_are_filled_one_after_the_other(before: int, arrived: int, most: int, expected: list[int]) -> None:
    assert shares(before, arrived, most) == expected


@given(st.integers(0, 600), st.integers(1, 2000), st.integers(1, 500))
def test_no_event_is_lost_and_all_windows_but_the_last_are_full(before: int, arrived: int, most: int) -> None:
    sizes = shares(before, arrived, most)

    assert sum(sizes) == before + arrived
    assert all(size >= most for size in sizes[:-1])
    assert all(size <= most for size in sizes[1:])
    assert all(sizes)
