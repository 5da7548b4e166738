"""Waiting for facts, never for times."""

from __future__ import annotations

import time
from collections.abc import Callable


def crowding(seconds: float = 0.1) -> float:
    """Compute for a moment, and return how many times longer that took than on a machine of one's own.

    Bounds of work that is done in other processes are multiplied by it.
    """
    wall, worked = time.monotonic(), time.thread_time()
    while time.thread_time() - worked < seconds:
        pass
    return max(1.0, (time.monotonic() - wall) / (time.thread_time() - worked))


def wait_until(fact: Callable[[], object], *, timeout: float = 30.0, what: str = "") -> None:
    """Return as soon as `fact` is true; fail after `timeout` seconds. What it asserts itself is shown then.

    A fact that costs much is looked at less often, to leave the processor to those whose work is waited for.
    """
    deadline = time.monotonic() + timeout
    while True:
        begin = time.monotonic()
        error: AssertionError | None = None
        try:
            if fact():
                return
        except AssertionError as raised:
            error = raised
        now = time.monotonic()
        if now > deadline:
            raise AssertionError(f"not so within {timeout:g} s: {what or fact}") from error
        time.sleep(min(max(0.01, 2 * (now - begin)), 0.1))
