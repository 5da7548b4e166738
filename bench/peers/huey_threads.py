"""Huey with Redis and a pool of threads: records only results that are not None."""

from __future__ import annotations

from collections.abc import Callable

import huey

from bench import tally


class HueyThreads:
    """One process with eight threads, as `huey_consumer --workers 8` runs it."""

    key = "huey"
    name = "huey"
    version = huey.__version__
    note = "1 process, 8 threads; no result of a no-op, a killed worker loses its tasks"

    def __init__(self, url: str) -> None:
        self._app = huey.RedisHuey("bench", url=url)
        self._done = self._app.task(name="done")(tally.done)
        self._started = self._app.task(name="started")(tally.started)

    def enqueue(self, count: int) -> None:
        for _ in range(count):
            self._done()

    def sender(self) -> Callable[[float], object]:
        return self._started

    def work(self) -> None:
        self._app.create_consumer(workers=8, periodic=False).run()
