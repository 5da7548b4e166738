"""How a contender is measured: a rate with a full queue, and the time to start on an idle system.

A rate counts from the first task done to the last one, so neither the start of the worker nor the filling
of the queue is in it. The worker is a process of its own in every case, with one Python process that runs
tasks.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import redis

from bench.measurement import Measurement, percentile
from bench.tally import FINISHED, STARTED

_PATIENCE_SECONDS = 180
_IDLE_SECONDS = (0.05, 0.25)  # between two samples: at rest, and out of step with whatever polls


class Contender(Protocol):
    """A task queue under measurement. It is made anew in the worker process, by its key and the address."""

    key: str  # how the worker process finds it
    name: str
    version: str
    note: str

    def enqueue(self, count: int) -> None:
        """Send `count` messages for `tally.done`."""

    def sender(self) -> Callable[[float], object]:
        """Return what sends one message for `tally.started`; its argument goes with it."""

    def work(self) -> None:
        """Run tasks in this process until it is killed."""


def measure_rate(contender: Contender, url: str, *, count: int, what: str) -> Measurement:
    """Run `count` tasks that do nothing, all sent before the worker starts."""
    with redis.Redis.from_url(url) as client:
        client.flushall()
        contender.enqueue(count)
        with _worker(contender.key, url, expected=count) as worker:
            first, last = json.loads(_take(client, FINISHED, worker))
    return Measurement(
        what=what,
        name=contender.name,
        version=contender.version,
        per_second=(count - 1) / (last - first),
        note=contender.note,
    )


def measure_start(contender: Contender, url: str, *, samples: int, what: str) -> Measurement:
    """Send one message at a time to a worker that has nothing else to do."""
    with redis.Redis.from_url(url) as client:
        client.flushall()
        send = contender.sender()
        with _worker(contender.key, url, expected=0) as worker:
            waits = [_one_start(client, send, worker) for _ in range(samples + 5)][5:]
    return Measurement(
        what=what,
        name=contender.name,
        version=contender.version,
        p50_ms=percentile(waits, 50) * 1000,
        p99_ms=percentile(waits, 99) * 1000,
        note=contender.note,
    )


def _one_start(client: redis.Redis, send: Callable[[float], object], worker: subprocess.Popen[bytes]) -> float:
    time.sleep(random.uniform(*_IDLE_SECONDS))
    send(time.monotonic())
    return float(_take(client, STARTED, worker))


@contextmanager
def _worker(key: str, url: str, *, expected: int) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.worker", key, str(expected)],
        stdin=subprocess.PIPE,  # the address holds a password, and command lines are public
        stdout=subprocess.DEVNULL,
    )
    assert process.stdin is not None
    with process.stdin as pipe:
        pipe.write(url.encode() + b"\n")
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _take(client: redis.Redis, key: str, worker: subprocess.Popen[bytes]) -> bytes | str:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if (answer := client.blpop([key], timeout=1)) is not None:
            return answer[1]
        if worker.poll() is not None:
            raise RuntimeError(f"the worker ended with code {worker.returncode}")
    raise TimeoutError(f"nothing on {key} after {_PATIENCE_SECONDS} s")
