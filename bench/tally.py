"""The two tasks that every contender runs: one that does nothing, one that tells when it started.

Both live in the worker process and cost the same everywhere. Times are of the monotonic clock, which all
processes of a machine share.
"""

from __future__ import annotations

import itertools
import json
import time

import redis

FINISHED = "bench:finished"
STARTED = "bench:started"


class Tally:
    """Counts what one worker process has done, and reports when all that was expected is done."""

    def __init__(self, url: str, *, expected: int) -> None:
        self._client = redis.Redis.from_url(url)
        self._expected = expected
        self._numbers = itertools.count(1)  # next() is atomic: threads need no lock
        self._first = 0.0

    def done(self) -> None:
        """Do nothing, and be counted."""
        number = next(self._numbers)
        if number == 1:
            self._first = time.monotonic()
        if number == self._expected:
            self._client.rpush(FINISHED, json.dumps([self._first, time.monotonic()]))

    def started(self, sent: float) -> None:
        """Report how many seconds after its sending the task has started."""
        waited = time.monotonic() - sent
        self._client.rpush(STARTED, waited)


_installed: list[Tally] = []


def install(tally: Tally) -> None:
    """Make `tally` the one of this process. Contenders that name tasks by module find the two below."""
    _installed[:] = [tally]


def done() -> None:
    """Do nothing, and be counted."""
    _installed[0].done()


def started(sent: float) -> None:
    """Report how many seconds after its sending the task has started."""
    _installed[0].started(sent)
