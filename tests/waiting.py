"""Waiting for facts, never for times."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_until(fact: Callable[[], object], *, timeout: float = 10.0, what: str = "") -> None:
    """Return as soon as `fact` is true; fail after `timeout` seconds. What it asserts itself is shown then."""
    deadline = time.monotonic() + timeout
    while True:
        error: AssertionError | None = None
        try:
            if fact():
                return
        except AssertionError as raised:
            error = raised
        if time.monotonic() > deadline:
            raise AssertionError(f"not so within {timeout:g} s: {what or fact}") from error
        time.sleep(0.01)
