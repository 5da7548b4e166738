"""The clock of the Redis server jumps by a day: nothing outlasts its time, and nobody alive is taken for dead."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bus.connection import Bus
from bus.server import EmbeddedServer
from tests.acceptance.faults.clocks import WallClock, build
from tests.integration.bus.conftest import fetch, make_task
from tests.waiting import wait_until

DAY = 86_400.0
LEASE_MS = 600
PATIENT_MS = 120_000
PATIENT_LEADER_MS = 2_000
#: How long may be waited for the end of a lease: a slow machine is not a clock that jumped.
SOON = 60.0

BOTH_WAYS = pytest.mark.parametrize("seconds", [-DAY, DAY], ids=["back", "ahead"])


class Server:
    """A real server whose wall clock the test moves, and a bus on it."""

    def __init__(self, url: str, clock: WallClock) -> None:
        self._clock = clock
        self._offset = 0.0
        self.bus = Bus(url, lease_ms=LEASE_MS, leader_lease_ms=LEASE_MS)
        #: For those who are in time: no slow machine must make their leases end.
        self.patient = Bus(url, lease_ms=PATIENT_MS, leader_lease_ms=PATIENT_LEADER_MS)

    def jump(self, seconds: float) -> None:
        """Let the server's clock jump, and wait until it has."""
        self._offset += seconds
        self._clock.set(self._offset)
        wait_until(lambda: abs(self.bus.client.time()[0] - time.time() - self._offset) < 3)


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, WallClock]]:
    folder = Path(tmp_path_factory.mktemp("moved"))
    clock = WallClock(build(folder), "redis")
    server = EmbeddedServer(folder / "redis")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in clock.environment.items():
            patch.setenv(name, value)
        url = server.start()
    yield url, clock
    server.stop()


@pytest.fixture
def server(moved: tuple[str, WallClock]) -> Iterator[Server]:
    url, clock = moved
    server = Server(url, clock)
    server.jump(0.0)
    server.bus.client.flushall()
    # As always: somebody looks for expired leases every second.
    server.bus.reaper.reap()
    yield server
    server.bus.close()
    server.patient.close()


def sent(bus: Bus) -> str:
    task = make_task()
    bus.sender.send([task])
    return task.task


def beat(bus: Bus, worker: str, *pairs: object) -> list[str]:
    """One heartbeat; what its worker has lost."""
    answer = [word.decode() for word in bus.scripts.run("heartbeat", [worker, bus.lease_ms, "{}", *pairs])]
    return answer[: answer.index("")]


def alive(bus: Bus) -> list[str]:
    return [worker.id for worker in bus.census.workers()]


@BOTH_WAYS
def test_a_dead_leader_is_replaced_within_its_lease(server, seconds):
    server.bus.leadership.campaign("dead")

    server.jump(seconds)

    wait_until(lambda: server.bus.leadership.campaign("standby").leads, timeout=SOON)


def test_a_leader_that_goes_on_asking_outlives_a_jump_back(server):
    leadership = server.patient.leadership
    epoch = leadership.campaign("leader").epoch
    server.jump(-DAY)
    deadline = time.monotonic() + 1.2 * PATIENT_LEADER_MS / 1000
    while time.monotonic() < deadline:
        assert leadership.campaign("leader").epoch == epoch
        assert not leadership.campaign("standby").leads

    assert leadership.campaign("leader").epoch == epoch


@BOTH_WAYS
def test_epochs_and_fences_never_go_back(server, seconds):
    epoch = server.bus.leadership.campaign("first").epoch
    sent(server.bus)
    [(_, fence, *_)] = fetch(server.bus)

    server.jump(seconds)
    server.bus.leadership.resign("first")
    sent(server.bus)

    assert server.bus.leadership.campaign("second").epoch > epoch
    assert fetch(server.bus)[0][1] > fence


@BOTH_WAYS
def test_what_a_silent_worker_held_comes_back_within_the_lease(server, seconds):
    task = sent(server.bus)
    beat(server.bus, "silent")
    fetch(server.bus, worker="silent", lease_ms=LEASE_MS)

    server.jump(seconds)

    wait_until(lambda: server.bus.reaper.reap() == 1, timeout=SOON)
    [(name, _, crashes, *_)] = fetch(server.bus, worker="other")
    assert (name, crashes) == (task, 1)


@BOTH_WAYS
def test_a_worker_that_speaks_up_within_a_lease_keeps_what_it_holds(server, seconds):
    bus = server.patient
    sent(bus)
    beat(bus, "alive")
    [(name, fence, *_)] = fetch(bus, worker="alive", lease_ms=bus.lease_ms)

    server.jump(seconds)

    assert bus.reaper.reap() == 0
    assert beat(bus, "alive", name, fence) == []
    assert bus.reaper.reap() == 0
    assert alive(bus) == ["alive"]


def test_a_lease_taken_in_the_moment_of_a_jump_back_lasts_as_long_as_any(server):
    sent(server.bus)
    server.jump(-DAY)
    begin = time.monotonic()
    fetch(server.bus, worker="silent", lease_ms=LEASE_MS)

    wait_until(lambda: server.bus.reaper.reap() == 1, timeout=SOON)
    assert time.monotonic() - begin >= LEASE_MS / 1000 - 0.002, "but for what the server's milliseconds leave out"


def test_a_reprieve_ends_although_the_clock_jumps_back_again(server):
    sent(server.bus)
    fetch(server.bus, worker="silent", lease_ms=LEASE_MS)
    server.jump(DAY)
    assert server.bus.reaper.reap() == 0

    server.jump(-DAY)

    wait_until(lambda: server.bus.reaper.reap() == 1, timeout=SOON)


@BOTH_WAYS
def test_a_silent_worker_is_not_shown_as_alive(server, seconds):
    beat(server.bus, "silent")

    server.jump(seconds)
    server.bus.reaper.reap()

    wait_until(lambda: alive(server.bus) == [], timeout=SOON)


def test_what_a_worker_said_goes_with_it(server):
    beat(server.bus, "silent")
    server.jump(-DAY)
    server.bus.reaper.reap()

    # More than a minute after its last word.
    server.jump(120)
    server.bus.reaper.reap()

    assert server.bus.client.zcard(server.bus.keys.workers) == 0
    assert not server.bus.client.exists(server.bus.keys.worker("silent"))


@BOTH_WAYS
def test_a_scheduler_that_fell_silent_is_gone_after_its_time(server, seconds):
    server.bus.presence.join("silent", LEASE_MS)

    server.jump(seconds)
    server.bus.reaper.reap()

    def founds() -> bool:
        founded = server.bus.presence.join("next", LEASE_MS)
        if not founded:
            server.bus.presence.leave("next")
        return founded

    wait_until(founds, timeout=SOON)


def test_a_scheduler_that_speaks_up_is_there_after_a_jump_back(server):
    server.bus.presence.join("there", 60_000)

    server.jump(-DAY)
    server.bus.presence.stay("there", 60_000)

    assert not server.bus.presence.join("next", 60_000)


def test_a_delay_is_not_longer_by_a_jump_back(server):
    task = make_task()
    server.bus.sender.send([task], delays={task.task: LEASE_MS})

    server.jump(-DAY)

    def arrived() -> bool:
        server.bus.reaper.reap()
        return bool(fetch(server.bus))

    wait_until(arrived, timeout=SOON)


def test_a_delay_that_begins_after_a_jump_back_is_not_shorter(server):
    server.jump(-DAY)
    task = make_task()
    server.bus.sender.send([task], delays={task.task: 60_000})

    server.bus.reaper.reap()

    assert fetch(server.bus) == []


def test_the_leader_hears_the_servers_own_clock_and_when_a_delay_ends(server):
    epoch = server.bus.leadership.campaign("leader").epoch
    task = make_task()
    server.bus.sender.send([task], delays={task.task: 3_600_000})
    server.jump(-DAY)

    now = time.time_ns() // 1_000_000
    claimed = server.bus.timetable.claim(epoch, now)

    assert claimed.server_now == pytest.approx(now - DAY * 1000, abs=60_000)
    assert claimed.next_due == pytest.approx(now + 3_600_000, abs=60_000)


@BOTH_WAYS
def test_a_task_that_ended_is_not_sent_anew_after_a_jump(server, seconds):
    first, second = make_task(), make_task()
    server.bus.control.request("terminate", [first.task])

    server.jump(seconds)
    # To remember another one is when old ones are forgotten.
    server.bus.control.request("terminate", [second.task])
    server.bus.reaper.reap()
    server.bus.sender.send([first, second])

    assert fetch(server.bus) == []


def test_a_task_that_ended_is_forgotten_after_its_time_whatever_jumped(server):
    first, second = make_task(), make_task()
    server.bus.control.request("terminate", [first.task])
    server.jump(-DAY)
    server.bus.reaper.reap()

    server.jump(61)
    wait_until(lambda: forgotten(server.bus, first.task, second.task), timeout=SOON)


def forgotten(bus: Bus, first: str, second: str) -> bool:
    bus.reaper.reap()
    bus.control.request("terminate", [second])
    return bus.client.zscore(bus.keys.ended, first) is None


@BOTH_WAYS
def test_a_bell_is_heard_by_who_waited_since_before_the_jump(server, seconds):
    woken, stopping = threading.Event(), threading.Event()
    bus = server.bus
    thread = threading.Thread(target=bus.timetable.listen, args=(stopping, woken.set))
    thread.start()
    wait_until(lambda: bus.client.info("clients")["blocked_clients"] == 1)

    server.jump(seconds)
    bus.timetable.wake()

    assert woken.wait(SOON)
    stopping.set()
    # Redis would let a blocked reader wait for a day more; the client ends that, or the next bell does.
    bus.timetable.wake()
    thread.join(SOON)
    assert not thread.is_alive()
