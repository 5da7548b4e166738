"""The clocks and the ids."""

from __future__ import annotations

import time
import uuid

import pytest

from rota.clock import ManualClock, SystemClock
from rota.ids import new_id


def test_the_system_clock_counts_milliseconds_since_1970() -> None:
    clock = SystemClock()

    before, now, after = time.time() * 1000 - 1, clock.now_ms(), time.time() * 1000 + 1

    assert before <= now <= after
    assert clock.monotonic() <= clock.monotonic()


def test_time_passes_on_both_clocks_and_a_jump_moves_only_the_wall_clock() -> None:
    clock = ManualClock(1000, 5.0)

    clock.advance(250)
    clock.set(10)

    assert (clock.now_ms(), clock.monotonic()) == (10, 5.25)
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(-1)


def test_ids_are_version_7_and_carry_the_time() -> None:
    made = uuid.UUID(new_id())

    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert abs((made.int >> 80) - time.time() * 1000) < 60_000


def test_ids_are_unique_and_sort_by_when_they_were_made() -> None:
    ids = [new_id() for _ in range(20_000)]
    apart = ids[::100]

    assert len(set(ids)) == len(ids)
    assert all(len(each) == 36 for each in ids)
    assert apart == sorted(apart)
