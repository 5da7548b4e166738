"""Owners take turns within a level, and nothing else about the order changes."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bus.broker import LeaseBroker
from bus.keys import LEVELS
from bus.messages import body_of, header_of
from bus.settler import Item
from tests.integration.bus.conftest import fetch, left_over, make_task, outcome_of, server_now, settle
from tests.waiting import wait_until


def tasks_of(owner, count, **fields):
    return [make_task(owner=owner, **fields) for _ in range(count)]


def take(bus, n=10):
    """Fetch and be done with it; the ids in the order in which they came."""
    rows = fetch(bus, n=n)
    settle(bus, *(Item(name, fence, "ack") for name, fence, *_ in rows))
    return [row[0] for row in rows]


def take_all(bus, n=500):
    """The ids of everything that waits, in the order in which it comes."""
    taken = []
    while ids := take(bus, n):
        taken += ids
    return taken


def ids(tasks):
    return [task.task for task in tasks]


def owners_in_order(taken, tasks):
    owners = {task.task: task.owner for task in tasks}
    return [owners[name] for name in taken]


def state_size(bus, queue="default", level="normal"):
    return bus.client.zcard(bus.keys.turns(queue, level))


def test_ten_tasks_do_not_wait_behind_ten_thousand_of_another_owner(bus):
    many, few = tasks_of("a", 10_000), tasks_of("b", 10)
    bus.sender.send(many)
    take(bus, n=100)
    bus.sender.send(few)

    taken = take(bus, n=21)

    assert [name for name in taken if name in set(ids(few))] == ids(few)


def test_three_owners_alternate_whatever_the_order_of_their_coming(bus):
    tasks = [*tasks_of("a", 30), *tasks_of("b", 20), *tasks_of("c", 10)]
    bus.sender.send(tasks)

    owners = owners_in_order(take_all(bus, n=7), tasks)

    assert [set(owners[at : at + 3]) for at in range(0, 30, 3)] == [{"a", "b", "c"}] * 10
    assert [set(owners[at : at + 2]) for at in range(30, 50, 2)] == [{"a", "b"}] * 10
    assert owners[50:] == ["a"] * 10


def test_one_owner_alone_keeps_the_order_over_many_batches(bus):
    tasks = tasks_of("a", 5_000)
    for start in range(0, 5_000, 700):
        bus.sender.send(tasks[start : start + 700])

    assert take_all(bus, n=333) == ids(tasks)


def test_many_owners_with_one_task_each_come_in_the_order_of_their_sending(bus):
    tasks = [make_task(owner=f"owner {n}") for n in range(600)]
    for start in range(0, 600, 50):
        bus.sender.send(tasks[start : start + 50])

    assert take_all(bus, n=64) == ids(tasks)


def test_who_comes_late_gets_the_next_turn_and_no_credit_for_the_past(bus):
    many = tasks_of("a", 200)
    bus.sender.send(many)
    take(bus, n=100)
    late = tasks_of("b", 50)
    bus.sender.send(late)

    owners = owners_in_order(take(bus, n=40), [*many, *late])

    assert owners.count("b") == 20
    assert all(one != other for one, other in pairwise(owners[1:]))


def test_who_sends_one_at_a_time_gets_no_more_than_a_turn_each(bus):
    many = tasks_of("a", 100)
    bus.sender.send(many)
    single = tasks_of("b", 20)
    taken = []
    for task in single:
        bus.sender.send([task])
        taken += take(bus, n=2)

    assert owners_in_order(taken, [*many, *single]).count("b") == 20
    assert len(taken) == 40


def test_tasks_of_nobody_and_plain_messages_share_their_turns(bus):
    many = [make_task() for _ in range(50)]
    bus.sender.send(many)
    bus.sender.put([("plain", "p normal default - 0 -", b"{}", 0)])
    bus.sender.send(tasks_of("a", 1))

    taken = take_all(bus, n=10)

    assert taken[-1] == "plain"
    assert taken.index(ids(many)[2]) > 2, "the owner's task came before the third"


@pytest.mark.parametrize("level", LEVELS)
def test_what_is_handed_back_comes_first_in_its_level(bus, level):
    tasks = [*tasks_of("a", 20, priority=level), *tasks_of("b", 20, priority=level)]
    bus.sender.send(tasks)
    rows = fetch(bus, n=6)
    first, second = rows[2], rows[4]

    settle(bus, Item(first[0], first[1], "back"))
    settle(bus, Item(second[0], second[1], "back"))

    assert take(bus, n=3)[:2] == [second[0], first[0]]


def test_what_was_handed_back_and_taken_again_gives_nobody_credit(bus):
    many = tasks_of("a", 200)
    bus.sender.send(many)
    take(bus, n=100)
    [(name, fence, *_)] = fetch(bus, n=1)
    settle(bus, Item(name, fence, "back"))
    assert take(bus, n=1) == [name]
    late = tasks_of("b", 50)
    bus.sender.send(late)

    assert owners_in_order(take(bus, n=40), [*many, *late]).count("b") == 20


def test_what_a_living_worker_forgot_comes_first_and_costs_nobody_a_turn(bus):
    tasks = [*tasks_of("a", 20), *tasks_of("b", 20)]
    bus.sender.send(tasks)
    bus.scripts.run("heartbeat", ["w1", 60_000, "{}"])
    forgotten = [row[0] for row in fetch(bus, n=4, lease_ms=1)]
    wait_until(lambda: bus.reaper.reap() == 4)

    taken = take(bus, n=24)

    assert set(taken[:4]) == set(forgotten)
    assert owners_in_order(taken[4:], tasks).count("a") == 10


def test_a_retry_takes_a_turn_like_any_task(bus):
    tasks = [*tasks_of("a", 3), *tasks_of("b", 3)]
    bus.sender.send(tasks)
    [(name, fence, *_)] = fetch(bus, n=1)
    again = make_task(task=name, owner="a", attempt=2)

    settle(bus, Item(name, fence, "again", outcome_of(again, fence, "retrying"), header_of(again), body_of(again), 0))

    assert take_all(bus)[-1] == name


def test_what_was_delayed_takes_its_owners_turn_when_it_is_due(bus):
    many, late = tasks_of("a", 40), tasks_of("b", 3)
    bus.sender.send(many)
    bus.sender.send(late, delays={task.task: 1 for task in late})
    wait_until(lambda: bus.reaper.reap() is not None and not bus.client.exists(bus.keys.delayed))

    taken = take(bus, n=8)

    assert set(ids(late)) < set(taken)


def test_a_redriven_dead_letter_takes_a_turn(bus):
    [task] = tasks_of("b", 1)
    bus.sender.send([task])
    [(name, fence, *_)] = fetch(bus)
    settle(bus, Item(name, fence, "dead", b"", "it smells", b"Smell"))
    bus.sender.send(tasks_of("a", 40))

    bus.dead.redrive(name)

    assert name in take(bus, n=2)


def test_priority_rules_over_turns(bus):
    low, normal = tasks_of("b", 2, priority="low"), tasks_of("b", 2)
    high = tasks_of("a", 30, priority="high")
    bus.sender.send([*low, *normal, *high])

    taken = take(bus, n=40)

    assert taken == [*ids(high), *ids(normal), *ids(low)]


def test_each_queue_has_turns_of_its_own(bus):
    bus.sender.send([*tasks_of("a", 50, queue="one"), *tasks_of("a", 1, queue="two"), *tasks_of("b", 1, queue="two")])
    fetch(bus, n=40, queue="one")

    assert len(fetch(bus, n=5, queue="two")) == 2
    assert state_size(bus, "two") == 0
    assert state_size(bus, "one") > 0


def test_nothing_is_remembered_once_the_queue_runs_empty(bus):
    first = [*tasks_of("a", 30), *tasks_of("b", 5)]
    bus.sender.send(first)
    take_all(bus, n=16)

    assert left_over(bus) == {"settled": 35}

    second = [*tasks_of("a", 3), *tasks_of("b", 3)]
    bus.sender.send(second)
    assert set(owners_in_order(take(bus, n=2), second)) == {"a", "b"}


def test_owners_whose_turn_has_passed_are_forgotten_while_others_wait(bus):
    bus.sender.send(tasks_of("a", 3_000))
    for n in range(40):
        bus.sender.send([make_task(owner=f"{n} {k}") for k in range(5)])
        take(bus, n=12)

    assert state_size(bus) < 15


@pytest.mark.parametrize("served", [10**12, 10**14])
def test_turns_stay_exact_after_billions_of_messages_without_a_pause(bus, served):
    tasks = [*tasks_of("a", 40), *tasks_of("b", 40)]
    bus.sender.send(tasks[:1])
    client, turns, waiting = bus.client, bus.keys.turns("default", "normal"), bus.keys.queue("default", "normal")
    # As if the level had been busy for years: every number the scripts keep is large.
    [(owner, _)] = [(name, turn) for name, turn in client.zrange(turns, 0, -1, withscores=True) if name not in b"#@"]
    client.zadd(turns, {owner: served + 1, "@": served - 1, "#": 8 * served})
    client.delete(waiting)
    client.zadd(waiting, {f"{8 * served:015d}{tasks[0].task}": served})

    bus.sender.send(tasks[1:])

    taken = take_all(bus, n=7)
    assert sorted(taken) == sorted(ids(tasks))
    assert all(one != other for one, other in pairwise(owners_in_order(taken, tasks)[1:79]))
    assert [name for name in taken if name in set(ids(tasks[40:]))] == ids(tasks[40:])


def test_a_level_that_is_deleted_by_hand_goes_on(bus):
    bus.sender.send(tasks_of("a", 30))
    take(bus, n=10)
    bus.client.delete(bus.keys.queue("default", "normal"))
    tasks = [*tasks_of("a", 3), *tasks_of("b", 3)]
    bus.sender.send(tasks)

    assert sorted(take_all(bus)) == sorted(ids(tasks))


def test_flushing_a_queue_leaves_neither_messages_nor_turns(bus):
    bus.sender.send([*tasks_of("a", 20), *tasks_of("b", 3, priority="high")])
    take(bus, n=5)

    LeaseBroker(bus).flush("default")

    assert left_over(bus) == {"settled": 5}


# --- the age of the oldest -----------------------------------------------------------------------------------


def sent_at(task, at):
    body = msgspec.json.decode(body_of(task))
    body["message_timestamp"] = at
    return (task.task, header_of(task), msgspec.json.encode(body), 0)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(st.sampled_from("abcd"), st.integers(1, 4)), min_size=1, max_size=40))
def test_the_oldest_is_found_among_the_heads_whoever_sent_and_took(bus, steps):
    """A letter sends one for that owner, a number takes so many."""
    bus.client.flushall()
    now = server_now(bus)
    waiting = {}
    for n, step in enumerate(steps):
        if isinstance(step, str):
            task = make_task(owner=step)
            waiting[task.task] = now - 1_000_000 + 10_000 * n
            bus.sender.put([sent_at(task, waiting[task.task])])
        else:
            for name in take(bus, n=step):
                del waiting[name]

    [figures] = bus.census.queues() or [None]

    if figures is None or not waiting:
        assert figures is None or figures.oldest_ms is None
    else:
        assert figures.waiting["normal"] == len(waiting)
        assert 0 <= figures.oldest_ms - (now - min(waiting.values())) < 10_000


def test_what_was_handed_back_counts_for_the_oldest(bus):
    old, young = make_task(owner="a"), make_task(owner="b")
    now = server_now(bus)
    bus.sender.put([sent_at(old, now - 500_000), sent_at(young, now - 1_000)])
    rows = fetch(bus, n=2)

    settle(bus, *(Item(name, fence, "back") for name, fence, *_ in rows))

    assert bus.census.queues()[0].oldest_ms >= 500_000


# --- what an older version left ------------------------------------------------------------------------------


def leave_as_before(bus, tasks, *, due=None):
    """Put tasks as the version before turns did: a header without owner, a list, or an entry of the timetable."""
    for task in tasks:
        header = header_of(task).rpartition(" ")[0]
        bus.client.hset(bus.keys.messages, task.task, header.encode() + b"\n" + body_of(task))
        if due is None:
            bus.client.rpush(bus.keys.former_queue(task.queue, task.priority), task.task)
        else:
            bus.client.zadd(bus.keys.timetable, {f"m:{task.task}": due})
    bus.client.sadd(bus.keys.queues, "default")


def test_lists_of_an_older_version_are_adopted_in_their_order(bus):
    old, high = [make_task() for _ in range(450)], [make_task(priority="high") for _ in range(3)]
    leave_as_before(bus, [*old, *high])
    fresh = make_task(owner="a")
    bus.sender.send([fresh])

    bus.reaper.reap()
    taken = take_all(bus)

    assert taken[:3] == ids(high)
    assert [name for name in taken[3:] if name != fresh.task] == ids(old)
    assert fresh.task in taken
    assert not bus.client.exists(*(bus.keys.former_queue("default", level) for level in LEVELS))


def test_one_call_adopts_a_bounded_number(bus):
    leave_as_before(bus, [make_task() for _ in range(450)])

    assert bus.scripts.run("reap", [200, 60_000]) == [0, 200]
    assert bus.scripts.run("reap", [200, 60_000]) == [0, 200]
    assert bus.scripts.run("reap", [200, 60_000]) == [0, 50]
    assert bus.scripts.run("reap", [200, 60_000]) == [0, 0]


def test_delayed_messages_of_an_older_version_come_when_they_are_due(bus):
    due, later = make_task(), make_task()
    leave_as_before(bus, [due], due=1_000)
    leave_as_before(bus, [later], due=9_999_999_999_999)
    epoch = bus.leadership.campaign("a").epoch
    assert bus.timetable.claim(epoch).ticks == ()

    bus.reaper.reap()

    assert [row[0] for row in fetch(bus)] == [due.task]


def test_a_message_of_an_older_version_is_held_settled_and_set_aside_like_any(bus):
    first, second = make_task(), make_task()
    leave_as_before(bus, [first, second])
    bus.reaper.reap()
    [(name, fence, *_), (other, other_fence, *_)] = fetch(bus)

    settle(bus, Item(name, fence, "back"), Item(other, other_fence, "dead", b"", "it smells", b"Smell"))

    assert [row[0] for row in fetch(bus)] == [first.task]
    [letter] = bus.dead.list()
    assert (letter.queue, letter.run) == ("default", second.run)
