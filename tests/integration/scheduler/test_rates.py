"""Rate limits on both databases: exact in the store, delayed in the bus, and skipped where nobody waits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from rota.clock import ManualClock
from rota.rates import Starts
from rota.runs import Cause
from rota.states import RunState
from rota.times import DAY_MS, MINUTE_MS, rfc3339
from scheduler.admission.admitting import Admitted, Request, admit, delays_of, deliver
from scheduler.runs import control
from scheduler.waiting import Waiting
from store.engine import Store
from store.queries import rates
from tests.factories import NOW
from tests.integration.scheduler.conftest import REGISTRY, World
from tests.integration.scheduler.test_overlap import run_of

WAITING, QUEUED, SKIPPED = RunState.WAITING, RunState.QUEUED, RunState.SKIPPED
TWO_A_MINUTE = {"limit": 2, "period": "PT1M"}


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """A store of either kind."""
    store = Store(database_url)
    yield store
    store.close()


def start(world: World, *keys: str, now: int | None = None, job: str = "tidy", **fields: Any) -> list[Admitted]:
    requests = [Request(job=job, cause=Cause.of_person("alice", key), **fields) for key in keys]
    return admit(world.store, requests, now=world.clock.now_ms() if now is None else now, actors=REGISTRY)


def test_what_is_over_the_rate_starts_when_its_turn_has_come(world: World) -> None:
    world.define(rate=TWO_A_MINUTE)

    first = start(world, *"123", now=NOW)
    (fourth,) = start(world, "4", now=NOW + 10)

    admitted = [*first, fourth]
    assert {one.state for one in admitted} == {QUEUED}
    assert [run_of(world, one).start_at for one in admitted] == [NOW, NOW, NOW + MINUTE_MS, NOW + MINUTE_MS]
    assert [one.delay_ms for one in admitted] == [0, 0, MINUTE_MS, MINUTE_MS - 10]
    turn = f"starts at {rfc3339(NOW + MINUTE_MS)}, within the rate of its job"
    assert [one.reason for one in admitted] == [None, None, turn, turn]
    assert delays_of(first) == {first[2].messages[0].task: MINUTE_MS}


def test_delayed_message_is_not_taken_early(world: World) -> None:
    world.define(rate={"limit": 1, "period": "PT0.3S"})
    admitted = start(world, "1", "2")
    deliver(world.bus, admitted)

    assert [message.run for message in world.work()] == [admitted[0].run]
    assert admitted[1].messages[0].task in world.messages()


def test_sweeper_keeps_the_turn_of_a_message_that_was_lost(world: World) -> None:
    world.define(rate={"limit": 1, "period": "PT1H"})
    one, two = start(world, "1", "2")

    world.duties.sweeper.sweep(grace_ms=-1000)

    assert [message.run for message in world.work()] == [one.run]
    assert two.messages[0].task in world.messages()


def test_resumed_run_keeps_its_turn(world: World) -> None:
    world.define(rate={"limit": 1, "period": "PT1H"})
    admitted = start(world, "1", "2")
    deliver(world.bus, admitted)
    control.pause(world.store, world.bus, [admitted[1].run])
    world.record()

    control.resume(world.store, world.bus, [admitted[1].run], now=world.clock.now_ms(), actors=REGISTRY)

    assert [message.run for message in world.work()] == [admitted[0].run]
    assert admitted[1].messages[0].task in world.messages()


def test_over_skip_records_the_reason(world: World) -> None:
    world.define(rate={**TWO_A_MINUTE, "over": "skip"})

    *_, third = start(world, *"123", now=NOW)
    (later,) = start(world, "4", now=NOW + MINUTE_MS)

    at = rfc3339(NOW + MINUTE_MS)
    assert third.reason == f"over the rate of its job: 2 in PT1M have started, the next may at {at}"
    assert (third.state, later.state) == (SKIPPED, QUEUED)


def test_turn_more_than_a_day_ahead_is_not_given(world: World) -> None:
    world.define(rate={"limit": 1, "period": "PT12H"})

    admitted = start(world, *"1234", now=NOW)

    assert [one.state for one in admitted] == [QUEUED, QUEUED, QUEUED, SKIPPED]
    assert (admitted[3].reason or "").startswith("its turn would come too late: 1 in PT12H have started")


def test_rate_longer_than_a_day_lets_one_period_wait(world: World) -> None:
    world.define(rate={"limit": 1, "period": "P7D"})

    admitted = start(world, *"123", now=NOW)

    assert [one.state for one in admitted] == [QUEUED, QUEUED, SKIPPED]
    assert admitted[1].delay_ms == 7 * DAY_MS


def test_keys_are_filled_in_and_shared_between_jobs(world: World) -> None:
    rate = {"limit": 1, "period": "PT1M", "key": "mail:${params.to}"}
    for name in ("invite", "remind"):
        world.define(name, params={"to": {"type": "string"}}, rate=rate)

    (one,) = start(world, "1", now=NOW, job="invite", params={"to": "a"})
    (same,) = start(world, "1", now=NOW, job="remind", params={"to": "a"})
    (other,) = start(world, "2", now=NOW, job="remind", params={"to": "b"})

    assert [each.delay_ms for each in (one, same, other)] == [0, MINUTE_MS, 0]


def test_same_cause_uses_one_turn(world: World) -> None:
    world.define(rate=TWO_A_MINUTE)
    start(world, "1", now=NOW)
    start(world, "1", "1", now=NOW)

    (second,) = start(world, "2", now=NOW)

    assert second.delay_ms == 0


def test_run_that_is_skipped_uses_no_turn(world: World) -> None:
    world.define(overlap="skip", rate=TWO_A_MINUTE)

    start(world, *"123", now=NOW)

    with world.store.writing() as conn:
        assert rates.load(conn, ["job:tidy"])["job:tidy"].at == (NOW,)


def test_rate_is_kept_when_those_who_wait_start(world: World) -> None:
    world.define(overlap="buffer_all", rate={"limit": 1, "period": "PT1H"})
    one, two = start(world, "1", "2")
    deliver(world.bus, [one, two])
    assert (two.state, run_of(world, two).start_at) == (WAITING, None)

    world.work()
    world.record()

    first, second = run_of(world, one), run_of(world, two)
    assert first.start_at is not None
    assert (second.state, second.start_at) == (QUEUED, first.start_at + 3_600_000)
    assert world.work() == []


def test_one_who_waited_and_is_over_the_rate_is_skipped_and_gives_its_slot_on(world: World) -> None:
    rate = {"limit": 1, "period": "PT1H", "over": "skip"}
    world.define("strict", overlap="buffer_all", concurrency={"key": "disk"}, rate=rate)
    world.define("free", overlap="buffer_all", concurrency={"key": "disk"})
    deliver(world.bus, start(world, "1", job="strict"))
    (over,) = start(world, "2", job="strict")
    (free,) = start(world, "3", job="free")

    world.work()
    world.record()

    assert run_of(world, over).state is SKIPPED
    assert (run_of(world, over).reason or "").startswith("over the rate of its job")
    assert [message.run for message in world.work()] == [free.run]


def test_first_step_that_has_to_be_decided_is_decided_at_its_turn(world: World) -> None:
    steps = [{"id": "a", "actor": "sleep", "when": "params.go", "with": {"seconds": 1}}]
    world.define(steps=steps, params={"go": {"type": "boolean"}}, rate={"limit": 1, "period": "PT0.2S"})
    _, two = start(world, "1", "2", params={"go": True})
    assert run_of(world, two).state is WAITING
    start_at = run_of(world, two).start_at or 0

    while world.clock.now_ms() < start_at:
        world.duties.waiting.step()
    world.duties.waiting.step()

    assert run_of(world, two).state is QUEUED
    assert two.run in {message.run for message in world.work()}


def test_time_limit_counts_from_the_turn(world: World) -> None:
    world.define(timeout="PT1H", rate={"limit": 1, "period": "PT1M"})

    _, two = start(world, "1", "2", now=NOW)

    assert run_of(world, two).timeout_at == NOW + MINUTE_MS + 3_600_000


def test_keys_that_no_longer_count_are_pruned(world: World) -> None:
    with world.store.writing() as conn:
        rates.save(conn, {"old": Starts((1,), 100), "new": Starts((50, 60), 200)})

    with world.store.writing() as conn:
        removed = rates.prune(conn, before=150)
        left = rates.load(conn, ["old", "new"])

    assert (removed.rows, removed.more) == (1, False)
    assert left == {"old": Starts(), "new": Starts((50, 60), 200)}


def test_turns_that_were_missed_are_not_taken_all_at_once(world: World) -> None:
    steps = [{"id": "a", "actor": "sleep", "when": "true", "with": {"seconds": 1}}]
    world.define(steps=steps, rate=TWO_A_MINUTE, timeout="PT1H")
    began = world.clock.now_ms() - 10 * MINUTE_MS
    admitted = start(world, *"12345678", now=began)
    deliver(world.bus, admitted)
    assert len(world.work()) == 2

    before = world.clock.now_ms()
    world.duties.waiting.step()

    assert {message.run for message in world.work()} == {admitted[2].run, admitted[3].run}
    later = [run_of(world, one) for one in admitted[4:]]
    assert [one.state for one in later] == [WAITING] * 4
    turns = [one.start_at or 0 for one in later]
    assert turns == [turns[0]] * 2 + [turns[0] + MINUTE_MS] * 2
    assert before + MINUTE_MS <= turns[0] <= world.clock.now_ms() + MINUTE_MS
    assert [one.timeout_at for one in later] == [turn + 3_600_000 for turn in turns]


def test_the_next_turn_is_met_on_time(world: World) -> None:
    steps = [{"id": "a", "actor": "sleep", "when": "true", "with": {"seconds": 1}}]
    world.define(steps=steps, rate={"limit": 1, "period": "PT0.5S"})
    start(world, "1", "2", now=NOW)
    duties = world.duties
    waiting = Waiting(world.store, world.bus, duties.catalogue, duties.leader, clock=ManualClock(NOW + 100))

    assert waiting.step() == 0.4
