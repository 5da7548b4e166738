"""Celery with Redis as broker and as result backend: records each result there."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Literal

import celery
from celery.platforms import SecurityWarning

from bench import tally

_CONCURRENCY = {"prefork": 1, "threads": 8, "solo": 1}


class CeleryRedis:
    """One process that runs tasks, in each of Celery's pools; the best one counts."""

    name = "celery"
    version = celery.__version__

    def __init__(self, url: str, *, pool: Literal["prefork", "threads", "solo"]) -> None:
        self.key = f"celery-{pool}"
        self.note = f"{pool} pool, concurrency {_CONCURRENCY[pool]}; result backend Redis"
        self._pool = pool
        # Celery's spelling of a Unix socket; the query names the database in redis-py's form only.
        address = url.replace("unix://", "redis+socket://").partition("?")[0]
        self._app = celery.Celery("bench", broker=address, backend=address)
        self._app.conf.worker_hijack_root_logger = False
        self._done = self._app.task(tally.done, name="done")
        self._started = self._app.task(tally.started, name="started")

    def enqueue(self, count: int) -> None:
        for _ in range(count):
            self._done.delay()

    def sender(self) -> Callable[[float], object]:
        return self._started.delay

    def work(self) -> None:
        warnings.simplefilter("ignore", SecurityWarning)  # whoever measures as root knows
        self._app.Worker(pool=self._pool, concurrency=_CONCURRENCY[self._pool], loglevel="ERROR").start()
