"""Dramatiq with its own Redis broker and its default middleware: keeps no results and no record."""

from __future__ import annotations

import threading
from collections.abc import Callable

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from bench import tally


class StockDramatiq:
    """One process with eight threads, as `dramatiq --processes 1 --threads 8` runs it."""

    key = "dramatiq"
    name = "dramatiq"
    version = dramatiq.__version__
    note = "1 process, 8 threads; records nothing"

    def __init__(self, url: str) -> None:
        self._broker = RedisBroker(url=url)
        dramatiq.set_broker(self._broker)  # its middleware asks for the global one
        self._done = dramatiq.actor(broker=self._broker, actor_name="done")(tally.done)
        self._started = dramatiq.actor(broker=self._broker, actor_name="started")(tally.started)

    def enqueue(self, count: int) -> None:
        for _ in range(count):
            self._done.send()

    def sender(self) -> Callable[[float], object]:
        return self._started.send

    def work(self) -> None:
        dramatiq.Worker(self._broker, worker_threads=8).start()
        threading.Event().wait()
