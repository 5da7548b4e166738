"""When a child that died is started again."""

from __future__ import annotations

import time

from workers import offspring
from workers.offspring import Offspring


def test_a_child_that_keeps_dying_is_started_less_and_less_often():
    place = Offspring(0, {}, about={})
    place._started = time.monotonic()

    pauses = []
    for _ in range(12):
        place.plan_restart()
        pauses.append(place.pause())

    assert pauses[:5] == [0.0, 0.5, 1.0, 2.0, 4.0]
    assert pauses[-1] == offspring.LONGEST_PAUSE_SECONDS


def test_a_healthy_life_is_followed_by_another_at_once():
    place = Offspring(0, {}, about={})
    for _ in range(5):
        place._started = time.monotonic()
        place.plan_restart()

    place._started = time.monotonic() - offspring.HEALTHY_SECONDS - 1
    place.plan_restart()

    assert place.pause() == 0.0
