"""An interruption hits the body and nothing else."""

from __future__ import annotations

import threading
import time

import pytest

from tests.waiting import wait_until
from workers.interrupts import Guard
from workers.stops import Interruption


def test_a_body_that_loops_is_interrupted():
    guard = Guard()
    entered = threading.Event()

    def body():
        entered.set()
        while True:
            time.sleep(0.001)

    def interrupt():
        entered.wait()
        assert guard.interrupt()

    threading.Thread(target=interrupt).start()
    with pytest.raises(Interruption):
        guard.run(body)


def test_nothing_is_interrupted_before_and_after():
    guard = Guard()

    assert not guard.interrupt()
    assert guard.run(lambda: 7) == 7
    assert not guard.interrupt()


def test_an_interruption_never_outlives_its_body():
    """However close to the end it comes: it is raised by the guard, or it never was."""
    outside = []
    interrupted = 0
    for _ in range(3_000):
        guard = Guard()
        ready = threading.Event()
        presser = threading.Thread(target=lambda guard=guard, ready=ready: (ready.wait(), guard.interrupt()))
        presser.start()
        try:
            try:
                guard.run(lambda ready=ready: ready.set() or sum(range(200)))
            except Interruption:
                interrupted += 1
            presser.join()
            for _ in range(50):
                pass
        except Interruption as late:
            outside.append(late)
    assert outside == [], f"{interrupted} were interrupted as they should be"


def test_a_body_that_catches_every_error_is_interrupted_still():
    guard = Guard()
    survived = []

    def body():
        while True:
            try:
                survived.append(1)
                time.sleep(0.001)
            except Exception:
                survived.append(2)

    def interrupt():
        wait_until(lambda: survived)
        guard.interrupt()

    threading.Thread(target=interrupt).start()
    with pytest.raises(Interruption):
        guard.run(body)
    assert 2 not in survived
