"""Waits for what threads do, and stops waiting when the run shall end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from rota.errors import Interrupted

_STEP_SECONDS = 0.2

T = TypeVar("T")
K = TypeVar("K")


@dataclass(frozen=True, slots=True, kw_only=True)
class Threads:
    """The threads of a run."""

    pool: ThreadPoolExecutor
    size: int
    """How many they are."""
    check: Callable[[], None]
    """Raises when the work shall end."""


class Stopping:
    """Ends the threads of a run as soon as their block is left, whatever they wait for."""

    def __init__(self, check: Callable[[], None]) -> None:
        """Take what raises when the run shall end."""
        self._check = check
        self._is_over = threading.Event()

    def check(self) -> None:
        """Raise when the work shall end, also because nobody waits for it any more; for every thread."""
        self._check()
        if self._is_over.is_set():
            raise Interrupted

    @contextmanager
    def threads(self, size: int, name: str) -> Iterator[Threads]:
        """Give so many threads for the time of the block; they have ended when it is left."""
        with ThreadPoolExecutor(size, thread_name_prefix=name) as pool:
            try:
                yield Threads(pool=pool, size=size, check=self.check)
            finally:
                # First of all, so that nobody goes on with files that nobody waits for.
                self._is_over.set()
                pool.shutdown(wait=False, cancel_futures=True)


def result_of(future: Future[T], check: Callable[[], None]) -> T:
    """Give the result of a future; `check` is called while waiting, and what it raises ends the wait."""
    while True:
        check()
        if wait([future], timeout=_STEP_SECONDS).done:
            return future.result()


class Crew(Generic[K, T]):
    """Several threads that work on tasks; at most four times as many tasks wait as there are threads.

    Results are handed to `done` in the thread that calls `hand` and `finish`, each with the task's key. What a task
    raises is raised there.
    """

    def __init__(self, threads: Threads, *, done: Callable[[K, T], None]) -> None:
        self._pool = threads.pool
        self._check = threads.check
        self._most = 4 * threads.size
        self._done = done
        self._running: dict[Future[T], K] = {}

    def hand(self, key: K, act: Callable[..., T], *args: Any) -> None:
        """Have `act(*args)` done; waits while too many tasks do."""
        while len(self._running) >= self._most:
            self._collect()
        self._running[self._pool.submit(act, *args)] = key

    def finish(self) -> None:
        """Wait until everything is done."""
        while self._running:
            self._collect()

    def _collect(self) -> None:
        self._check()
        for future in wait(self._running, timeout=_STEP_SECONDS, return_when=FIRST_COMPLETED).done:
            key = self._running.pop(future)
            self._done(key, future.result())
