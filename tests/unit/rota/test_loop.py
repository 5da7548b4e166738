"""The loop that every repeating duty runs on."""

from __future__ import annotations

import logging
import threading

import pytest

from rota.loop import Loop


@pytest.fixture
def started():
    loops: list[Loop] = []

    def start(step, **options) -> Loop:
        loop = Loop("test", step, interval=options.pop("interval", 60), **options)
        loops.append(loop)
        loop.start()
        return loop

    yield start
    assert all(loop.stop(10) for loop in loops)


def test_the_step_runs_at_once_and_again_when_woken(started) -> None:
    loop = started(lambda: None)

    assert loop.wait_for_passes(1)
    loop.wake()

    assert loop.wait_for_passes(2)


def test_the_step_says_when_it_wants_to_be_called_again(started) -> None:
    loop = started(lambda: 0.001)

    assert loop.wait_for_passes(5)


def test_a_wake_during_a_pass_is_not_lost(started) -> None:
    entered, go_on = threading.Event(), threading.Event()

    def step() -> None:
        entered.set()
        go_on.wait(10)

    loop = started(step)
    assert entered.wait(10)
    loop.wake()
    go_on.set()

    assert loop.wait_for_passes(2)


def test_a_failing_step_is_logged_and_called_again(started, caplog: pytest.LogCaptureFixture) -> None:
    seen: list[Exception] = []
    outcomes = iter([ValueError("once"), ValueError("twice")])

    def step() -> None:
        error = next(outcomes, None)
        if error:
            raise error

    with caplog.at_level(logging.ERROR):
        loop = started(step, interval=0.001, on_error=seen.append)
        assert loop.wait_for_passes(4)

    assert [str(error) for error in seen] == ["once", "twice"]
    assert [record.__dict__["failures"] for record in caplog.records] == [1, 2]


def test_a_failing_listener_does_not_end_the_loop(started) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("always")

    loop = started(fail, on_error=fail)

    assert loop.wait_for_passes(2)


def test_stop_is_safe_before_start_and_twice_and_start_again_works() -> None:
    loop = Loop("test", lambda: None, interval=60)

    assert loop.stop()
    loop.start()
    loop.start()
    assert loop.wait_for_passes(1)
    assert loop.stop()
    assert loop.stop()
    assert not loop.running
    loop.start()
    assert loop.wait_for_passes(2)
    assert loop.stop()


def test_a_step_may_stop_its_own_loop() -> None:
    loop = Loop("test", lambda: loop.stop() and None, interval=0)

    loop.start()

    assert loop.wait_for_passes(1)
    assert loop.stop()
    assert loop.passes == 1


def test_stop_says_when_a_step_does_not_end_in_time() -> None:
    go_on = threading.Event()
    loop = Loop("test", lambda: go_on.wait(10) and None, interval=60)
    loop.start()

    assert not loop.stop(0.01)
    with pytest.raises(RuntimeError, match="still stopping"):
        loop.start()

    go_on.set()
    assert loop.stop()


def test_starting_and_stopping_at_any_moment_ends_well() -> None:
    loop = Loop("test", lambda: 0.0001, interval=1)

    for _ in range(200):
        loop.start()
        loop.wake()
        assert loop.stop()
