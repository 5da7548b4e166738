"""Dramatiq's own actors, middleware and worker on the lease broker."""

from __future__ import annotations

import threading
import time

import dramatiq
import pytest
from dramatiq.middleware import Retries

from bus.broker import LeaseBroker
from bus.lease import appetite
from rota.errors import BusUnavailable
from tests.integration.bus.conftest import LosesReplies, left_over, server_now
from tests.waiting import wait_until


@pytest.fixture
def broker(bus):
    broker = LeaseBroker(bus)
    yield broker
    broker.close()


def declare(broker, fn, **options):
    return dramatiq.actor(fn, broker=broker, actor_name=fn.__name__, **options)


def test_every_message_runs_once_and_nothing_is_left(bus, broker, run_worker):
    seen = []

    def note(n):
        seen.append(n)

    actor = declare(broker, note)
    for n in range(300):
        actor.send(n)
    run_worker(broker, threads=4)

    broker.join("default", timeout=60_000)

    assert sorted(seen) == list(range(300))
    assert left_over(bus) == {}


def test_a_stock_retry_is_one_step_with_its_acknowledgement(bus, broker, run_worker):
    tries = []

    def flaky():
        tries.append(time.monotonic())
        if len(tries) < 3:
            raise ValueError("not yet")

    actor = declare(broker, flaky, min_backoff=10, max_backoff=20)
    actor.send()
    run_worker(broker)

    broker.join("default", timeout=60_000)

    assert len(tries) == 3
    assert left_over(bus) == {}


def test_a_stock_message_whose_retries_are_used_up_is_set_aside(bus, broker, run_worker):
    def bad():
        raise ValueError("never")

    declare(broker, bad, max_retries=0).send()
    run_worker(broker)

    wait_until(lambda: bus.dead.count() == 1)

    [letter] = bus.dead.list()
    assert letter.reason == "ValueError: never"
    wait_until(lambda: bus.census.figures().leased == 0)


def test_a_delayed_message_waits_outside_the_workers(bus, broker, run_worker):
    seen = []

    def later():
        seen.append(time.monotonic())

    actor = declare(broker, later)
    sent = time.monotonic()
    for _ in range(200):
        actor.send_with_options(delay=3_600_000)
    actor.send_with_options(delay=200)
    run_worker(broker)

    wait_until(lambda: seen)

    assert seen[0] - sent >= 0.2
    assert bus.timetable.count() == 200
    wait_until(lambda: bus.census.figures().leased == 0)


def test_an_undecodable_message_is_set_aside_and_its_neighbours_run(bus, broker, run_worker):
    seen = []

    def note(n):
        seen.append(n)

    actor = declare(broker, note)
    for n in range(5):
        actor.send(n)
    bus.sender.put([("broken", "p normal default - 0", b"\x80 not json", 0)])
    bus.sender.put([("liar", "p normal default - 0", actor.message(9).encode(), 0)])
    for n in range(5, 10):
        actor.send(n)
    run_worker(broker)

    wait_until(lambda: sorted(seen) == list(range(10)) and bus.dead.count() == 2)

    letters = {letter.id: letter for letter in bus.dead.list()}
    assert letters["broken"].body == b"\x80 not json"
    assert "cannot be read" in letters["broken"].reason
    assert "liar" in letters


def test_an_unknown_actor_is_set_aside_and_its_neighbours_run(bus, broker, run_worker):
    seen = []

    def note():
        seen.append(1)

    actor = declare(broker, note)
    broker.enqueue(actor.message().copy(actor_name="nobody"))
    actor.send()
    run_worker(broker)

    wait_until(lambda: seen and bus.dead.count() == 1)

    assert "nobody" in bus.dead.list()[0].reason


def test_what_a_stopped_worker_never_started_is_handed_back_at_once(bus, broker, run_worker):
    gate = threading.Event()

    def hold():
        gate.wait(60)

    actor = declare(broker, hold)
    for _ in range(6):
        actor.send()
    worker = run_worker(broker, threads=2)
    wait_until(lambda: bus.census.figures().leased >= 2)

    gate.set()
    worker.stop(timeout=60_000)

    figures = bus.census.figures()
    assert figures.leased == 0
    assert bus.client.hlen(bus.keys.messages) == bus.census.queues()[0].waiting["normal"]


@pytest.mark.parametrize("script", ["enqueue", "fetch", "settle", "heartbeat", "reap"])
def test_work_goes_on_when_a_reply_is_lost(make_bus, run_worker, script):
    # Only what a lost reply has leased waits for the end of its lease.
    bus = make_bus(lease_ms=2_000 if script == "fetch" else 60_000, heartbeat_ms=300)
    losing = LosesReplies(bus)
    broker = LeaseBroker(bus)
    ends = []

    def note(n):
        ends.append(n)

    actor = declare(broker, note)
    losing.losing.add(script)
    for n in range(20):
        try:
            actor.send(n)
        except dramatiq.BrokerError:
            pytest.fail("a lost reply to enqueue is repeated, because that is safe")
    run_worker(broker)

    broker.join("default", timeout=60_000)

    wait_until(lambda: losing.lost == 1)
    assert sorted(ends) == list(range(20))
    assert left_over(bus) == {}


def test_a_long_task_keeps_its_lease(make_bus, run_worker):
    bus = make_bus(lease_ms=2_000, heartbeat_ms=100)
    broker = LeaseBroker(bus)
    runs = []

    def long():
        runs.append(1)
        [(_, expires)] = bus.client.zrange(bus.keys.leases, 0, -1, withscores=True)
        wait_until(lambda: server_now(bus) > expires, timeout=60)

    declare(broker, long).send()
    run_worker(broker)
    other = LeaseBroker(bus, worker_id="other")
    declare(other, long)
    run_worker(other)

    broker.join("default", timeout=60_000)

    assert runs == [1]


def test_a_broken_connection_does_not_stop_a_consumer(bus, broker, run_worker, monkeypatch):
    seen = []

    def note(n):
        seen.append(n)

    actor = declare(broker, note)
    actor.send(1)
    run_worker(broker)
    wait_until(lambda: seen == [1])
    real = bus.scripts.run
    failures = iter(range(6))

    def fails_for_a_while(name, args):
        if name in {"fetch", "settle"} and next(failures, None) is not None:
            raise BusUnavailable("gone")
        return real(name, args)

    monkeypatch.setattr(bus.scripts, "run", fails_for_a_while)
    actor.send(2)

    wait_until(lambda: seen == [1, 2], timeout=60)
    assert next(failures, None) is None


def test_the_stock_middleware_is_there(broker):
    assert any(isinstance(middleware, Retries) for middleware in broker.middleware)


def test_short_work_is_fetched_ahead_and_long_work_is_not():
    assert appetite(threads=8, held=0, mean_ms=None) == 8
    assert appetite(threads=8, held=0, mean_ms=0.1) == 512
    assert appetite(threads=8, held=0, mean_ms=5) == 80
    assert appetite(threads=8, held=0, mean_ms=60_000) == 8
    assert appetite(threads=8, held=8, mean_ms=60_000) == 0
    assert appetite(threads=8, held=600, mean_ms=0.1) == 0
