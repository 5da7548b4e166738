"""Which place a run gets at a limited key, for each policy, and who is next when a slot is free."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rota.jobs import Overlap
from rota.messages import Priority
from scheduler.admission.limits import MOST_WAITING, Holder, Occupancy, Waiter, assign, decide

POLICIES: tuple[Overlap, ...] = ("skip", "buffer_one", "buffer_all", "cancel_other", "terminate_other", "allow_all")
PRIORITIES: tuple[Priority, ...] = ("high", "normal", "low")


def occupied(*runs: str, key: str = "job:tidy") -> Occupancy:
    occupancy = Occupancy(key)
    for number, run in enumerate(runs):
        occupancy.hold(number, Holder(run, "tidy"))
    return occupancy


@pytest.mark.parametrize("overlap", POLICIES)
def test_free_slot_is_taken_whatever_the_policy(overlap: Overlap) -> None:
    place = decide(occupied("r1"), overlap, 2)

    assert (place.slot, place.waits, place.reason) == (1, False, None)


def test_skip_says_which_run_is_in_the_way() -> None:
    assert decide(occupied("r1"), "skip", 1).reason == "run r1 is still open"


def test_skip_names_the_job_of_a_shared_key_and_the_first_of_many() -> None:
    shared = occupied("r1", key="key:disk")
    many = occupied("r1", "r2", "r3", "r4", "r5", key="key:disk")

    assert decide(shared, "skip", 1).reason == "run r1 of the job tidy, with the key disk, is still open"
    assert decide(many, "skip", 5).reason == "5 runs with the key disk are still open: r1, r2, r3 and 2 more"


def test_buffer_one_lets_one_wait_and_no_more() -> None:
    occupancy = occupied("r1")

    first = decide(occupancy, "buffer_one", 1)
    occupancy.line_up("r2", 1)
    second = decide(occupancy, "buffer_one", 1)

    assert (first.waits, first.wait_no, first.reason) == (True, 0, "waits: run r1 is still open")
    assert (second.waits, second.slot, second.reason) == (False, None, "one run waits already: r2")


@pytest.mark.parametrize("overlap", ["buffer_all", "allow_all"])
def test_buffer_all_and_limited_allow_all_wait_up_to_a_bound(overlap: Overlap) -> None:
    occupancy = occupied("r1")
    for n in range(MOST_WAITING - 1):
        occupancy.line_up(f"w{n:04}", 1)

    last = decide(occupancy, overlap, 1)
    occupancy.line_up("last", 1)
    beyond = decide(occupancy, overlap, 1)

    assert last.waits
    assert beyond.reason == "1000 runs wait for the job tidy already, more are not kept"


def test_cancel_other_asks_the_oldest_and_takes_the_place_of_those_that_wait() -> None:
    occupancy = occupied("r2", "r1")
    occupancy.line_up("w1", 2)

    place = decide(occupancy, "cancel_other", 2)

    assert (place.waits, place.cancels, place.clears, place.slot) == (True, 1, True, None)


def test_cancel_other_asks_nobody_while_one_is_going_already() -> None:
    occupancy = occupied("r1", "r2")
    occupancy.held[1] = Holder("r2", "tidy", asked=True)

    place = decide(occupancy, "cancel_other", 2)

    assert (place.waits, place.cancels, place.clears) == (True, None, False)


def test_terminate_other_starts_in_the_slot_of_the_oldest() -> None:
    place = decide(occupied("r2", "r1"), "terminate_other", 2)

    assert (place.slot, place.terminates, place.waits) == (1, 1, False)


def test_free_slot_belongs_to_those_who_wait() -> None:
    occupancy = Occupancy("job:tidy")
    occupancy.line_up("w1", 1)

    assert decide(occupancy, "skip", 1).reason == "others wait for the job tidy already and go first"
    assert decide(occupancy, "buffer_all", 1).waits
    # There is one slot more than there are runs that wait.
    assert decide(occupancy, "skip", 2).slot == 1


def test_slot_that_was_left_is_found_again() -> None:
    occupancy = occupied("r1", "r2", "r3")
    assert decide(occupancy, "skip", 3).slot is None

    occupancy.leave(1)

    assert decide(occupancy, "skip", 3).slot == 1


def test_those_who_wait_go_by_priority_then_by_age() -> None:
    line = [Waiter("r1", "low", 2), Waiter("r4", "normal", 2), Waiter("r3", "high", 2), Waiter("r2", "normal", 2)]

    assert assign([], line) == {"r3": 0, "r2": 1}
    assert list(assign([1], line)) == ["r3"]


@given(
    st.sets(st.integers(0, 6), max_size=7),
    st.lists(st.tuples(st.sampled_from(PRIORITIES), st.integers(1, 6)), max_size=12),
)
def test_slots_are_used_fully_and_only_once(held: set[int], line: list[tuple[Priority, int]]) -> None:
    waiters = [Waiter(f"r{n:02}", priority, limit) for n, (priority, limit) in enumerate(line)]

    assigned = assign(held, waiters)

    taken = [*held, *assigned.values()]
    assert len(set(taken)) == len(taken)
    for waiter in waiters:
        if waiter.run in assigned:
            assert assigned[waiter.run] < waiter.limit
        else:
            # Nothing that it may use is left over.
            assert set(range(waiter.limit)) <= set(taken)
