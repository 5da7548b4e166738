from __future__ import annotations

import threading

import pytest

from actors.datasources.bandwidth import Bandwidth
from rota.errors import Cancelled

RATE = 1_000_000


class FakeTime:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.longest = 0.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.longest = max(self.longest, seconds)
        self.now += seconds


@pytest.fixture
def fake() -> FakeTime:
    return FakeTime()


def bandwidth(fake: FakeTime, rate: float | None, **options) -> Bandwidth:
    return Bandwidth(rate, clock=fake.clock, sleep=fake.sleep, **options)


@pytest.mark.parametrize("piece", [1, 777, 64 * 1024, 5_000_000])
def test_the_rate_holds_over_time_whatever_the_pieces(fake, piece):
    limit = bandwidth(fake, RATE)
    passed = 0

    for _ in range(50_000 if piece < 1000 else 300):
        limit.take(piece)
        passed += piece
        # A quarter of a second's worth may have passed at once.
        assert passed <= RATE * (fake.now - 1000 + 0.25) + 1

    assert fake.now - 1000 + 0.25 == pytest.approx(max(passed / RATE, 0.25), rel=0.001)


def test_a_pause_saves_up_no_more_than_a_quarter_of_a_second(fake):
    limit = bandwidth(fake, 1000)
    limit.take(1000)

    fake.now += 3600
    before = fake.now
    limit.take(1250)

    assert fake.now - before == pytest.approx(1.0)


def test_without_a_limit_nothing_waits(fake):
    bandwidth(fake, None).take(10**15)

    assert fake.now == 1000.0


def test_a_cancelled_wait_ends_within_a_step(fake):
    def check() -> None:
        if fake.now > 1002:
            raise Cancelled

    with pytest.raises(Cancelled):
        bandwidth(fake, 1, check=check).take(3600)

    assert fake.now == pytest.approx(1002.1, abs=0.11)
    assert fake.longest <= 0.1


def test_threads_share_the_rate():
    moments = FakeTime()
    limit = bandwidth(moments, RATE)
    threads = [threading.Thread(target=lambda: [limit.take(10_000) for _ in range(50)]) for _ in range(4)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    # Each waits until its own bytes are paid for, so the clock is at least where all of them are.
    assert moments.now - 1000 >= 2.0 - 0.25 - 1e-6
