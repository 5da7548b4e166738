"""Dramatiq on Rota's broker: the same actors, middleware and worker as the stock one, another broker."""

from __future__ import annotations

import threading
from collections.abc import Callable
from importlib.metadata import version

import dramatiq

from bench import tally
from bus.broker import LeaseBroker
from bus.connection import Bus


class RotaBus:
    """One process with eight threads; leases and fences, no store."""

    key = "rota-bus"
    name = "rota (bus)"
    version = version("rota")
    note = "1 process, 8 threads; leases, settles in batches; records nothing"

    def __init__(self, url: str) -> None:
        self._broker = LeaseBroker(Bus(url))
        dramatiq.set_broker(self._broker)
        self._done = dramatiq.actor(tally.done, broker=self._broker, actor_name="done")
        self._started = dramatiq.actor(tally.started, broker=self._broker, actor_name="started")

    def enqueue(self, count: int) -> None:
        for _ in range(count):
            self._done.send()

    def sender(self) -> Callable[[float], None]:
        return self._started.send

    def work(self) -> None:
        dramatiq.Worker(self._broker, worker_threads=8).start()
        threading.Event().wait()
