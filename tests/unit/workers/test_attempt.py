"""An attempt that is asked to end, and the thread that looks after it."""

from __future__ import annotations

import threading
import time

import pytest

from bus.lease import Lease
from rota.clock import ManualClock, SystemClock
from rota.messages import TaskMessage
from tests.waiting import wait_until
from workers.attempt import Attempt
from workers.running import QUICK_SECONDS, Running
from workers.stops import Stop


class FakeBody:
    """Remembers what it was told."""

    patience = 1.0

    def __init__(self):
        self.told = []
        self.pressed = 0

    def ask(self, stop):
        self.told.append(stop)

    def press(self):
        self.pressed += 1


def make_attempt(clock=None, task="t"):
    message = TaskMessage(task=task, run="r", job="j", step="s", actor="a", queue="q")
    attempt = Attempt(message, Lease(id=task, queue="q", fence=1), clock or ManualClock())
    attempt.run_in(FakeBody())
    return attempt


ORDER = [Stop.PAUSED, Stop.SHUTTING_DOWN, Stop.TIMED_OUT, Stop.CANCELLED, Stop.LEASE_LOST]


@pytest.mark.parametrize("first", ORDER)
@pytest.mark.parametrize("second", ORDER)
def test_the_weightier_reason_stays(first, second):
    attempt = make_attempt()

    attempt.ask(first, 0.0)
    attempt.ask(second, 0.0)

    assert attempt.asked is max(first, second, key=ORDER.index)


def test_a_body_is_pressed_when_its_patience_is_over_and_again():
    attempt = make_attempt()
    attempt.ask(Stop.CANCELLED, 10.0)

    for now in (10.5, 10.9, 11.0, 11.5, 12.0):
        attempt.press_if_due(now)

    assert attempt.body.pressed == 2
    assert attempt.body.told == [Stop.CANCELLED]


def test_asking_again_with_less_patience_brings_the_press_forward():
    attempt = make_attempt()
    attempt.ask(Stop.SHUTTING_DOWN, 10.0, patience=30.0)

    attempt.ask(Stop.SHUTTING_DOWN, 11.0, patience=0.0)
    attempt.press_if_due(11.0)

    assert attempt.body.pressed == 1
    assert attempt.body.told == [Stop.SHUTTING_DOWN]


def test_a_pause_can_be_taken_back_a_cancel_cannot():
    paused, cancelled = make_attempt(), make_attempt()
    paused.ask(Stop.PAUSED, 0.0)
    cancelled.ask(Stop.PAUSED, 0.0)
    cancelled.ask(Stop.CANCELLED, 0.0)

    paused.withdraw(Stop.PAUSED)
    cancelled.withdraw(Stop.PAUSED)

    assert (paused.asked, paused.press_at, paused.body.told) == (None, None, [Stop.PAUSED, None])
    assert cancelled.asked is Stop.CANCELLED


def test_a_body_that_takes_over_hears_what_was_asked_before():
    attempt = make_attempt()
    attempt.ask(Stop.CANCELLED, 0.0)
    other = FakeBody()

    attempt.run_in(other)

    assert other.told == [Stop.CANCELLED]


@pytest.fixture
def running():
    running = Running(SystemClock())
    yield running
    running.unwatch()


def test_the_watch_sleeps_until_something_runs(running):
    seen = []
    running.watch([lambda attempt, now: seen.append(attempt.id)])
    attempt = make_attempt(SystemClock())

    running.add(attempt)
    wait_until(lambda: len(seen) >= 3)

    assert running.get("t") is attempt
    assert running.mine() is attempt
    running.remove(attempt)
    assert len(running) == 0


def test_trouble_with_one_attempt_leaves_the_others_looked_after(running, caplog):
    seen = []

    def duty(attempt, now):
        if attempt.id == "bad":
            raise ValueError("no")
        seen.append(attempt.id)

    running.watch([duty])
    running.add(make_attempt(SystemClock(), "bad"))
    running.add(make_attempt(SystemClock(), "good"))

    wait_until(lambda: seen)
    assert "attempt.neglected" in caplog.text


def test_an_attempt_is_noticed_however_it_meets_a_sleeping_watch(running):
    """Begin and end attempts, some while the watch falls asleep: who is missed then waits for ever."""
    noticed = threading.Event()
    running.watch([lambda attempt, now: noticed.set()])
    for number in range(120):
        noticed.clear()
        attempt = make_attempt(SystemClock(), f"{number}")
        running.add(attempt)
        assert noticed.wait(30), f"attempt {number} was not looked after"
        running.remove(attempt)
        # The watch falls asleep a short rest after the last one has gone: the next one comes then, or a bit sooner or later.
        time.sleep(QUICK_SECONDS * (0.7 + number / 200))
