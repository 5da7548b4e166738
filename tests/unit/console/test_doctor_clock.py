"""What `rota doctor` says of the clocks of servers."""

from __future__ import annotations

import pytest

from console.doctor import clock_check
from console.findings import FAIL, OK, WARN

NOW = 1_800_000_000_000


@pytest.mark.parametrize(
    ("theirs", "took", "level", "said"),
    [
        (NOW, 0, OK, "0.000 s behind this machine"),
        (NOW + 400, 0, OK, "0.400 s ahead of this machine"),
        (NOW - 600, 0, WARN, "0.600 s behind this machine"),
        (NOW + 6_000, 0, FAIL, "6.000 s ahead of this machine"),
        (NOW + 300, 9_000, OK, "0.000 s behind this machine"),
        (NOW - 700, 9_000, WARN, "0.700 s behind this machine"),
        (NOW + 9_700, 9_000, WARN, "0.700 s ahead of this machine"),
    ],
)
def test_a_clock_is_compared_with_the_time_between_question_and_answer(
    theirs: int, took: int, level: str, said: str
) -> None:
    found = clock_check("Redis clock", theirs, asked=NOW, answered=NOW + took)

    assert (found.level, found.said) == (level, said)
