"""RQ with the worker that runs jobs in its own process: records each result in Redis."""

from __future__ import annotations

from collections.abc import Callable

import rq
from redis import Redis

from bench import tally


class RqSimple:
    """One process, one job at a time; RQ has no threads, and its forking worker is slower still."""

    key = "rq"
    name = "rq"
    version = rq.VERSION
    note = "SimpleWorker, 1 process; results in Redis"

    def __init__(self, url: str) -> None:
        self._client = Redis.from_url(url)
        self._queue = rq.Queue(connection=self._client)

    def enqueue(self, count: int) -> None:
        for _ in range(count):
            self._queue.enqueue(tally.done)

    def sender(self) -> Callable[[float], object]:
        return lambda sent: self._queue.enqueue(tally.started, sent)

    def work(self) -> None:
        rq.SimpleWorker([self._queue], connection=self._client).work(logging_level="WARNING")
