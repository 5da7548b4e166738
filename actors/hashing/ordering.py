"""Has work done by several threads, and hands on what came of it in the order in which it was given."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

from actors.threads import Threads, result_of

_MOST_BYTES = 4 * 1024 * 1024
# Small ones overtake a large one, and wait for it: so many for each thread.
_MOST_BATCHES = 16

T = TypeVar("T")
K = TypeVar("K")


class InOrder(Generic[K, T]):
    """Several threads that work on tasks; results are handed to `done` in order, in the thread that gives the tasks.

    Small tasks are done several at once, because handing them over one by one would take longer than to do them. What
    `act` raises is raised in the thread that gives the tasks.
    """

    def __init__(self, threads: Threads, act: Callable[[K], T], *, done: Callable[[K, T], None], at_once: int) -> None:
        """Take what is done; `at_once` is the most tasks that one thread is handed together."""
        self._threads = threads
        self._act = act
        self._done = done
        self._at_once = at_once
        self._batch: list[K] = []
        self._weight = 0
        self._running: deque[tuple[Sequence[K], Future[list[T]]]] = deque()

    def give(self, task: K, *, size: int = 0) -> None:
        """Have a task done of so many bytes; waits while too many tasks do."""
        self._batch.append(task)
        self._weight += size
        if len(self._batch) >= self._at_once or self._weight >= _MOST_BYTES:
            self._hand()

    def finish(self) -> None:
        """Wait until everything is done."""
        self._hand()
        while self._running:
            self._collect()

    def _hand(self) -> None:
        if not self._batch:
            return
        while len(self._running) >= _MOST_BATCHES * self._threads.size or (
            self._running and self._running[0][1].done()
        ):
            self._collect()
        batch, self._batch, self._weight = self._batch, [], 0
        self._running.append((batch, self._threads.pool.submit(self._act_on, batch)))

    def _act_on(self, batch: Sequence[K]) -> list[T]:
        results = []
        for task in batch:
            self._threads.check()
            results.append(self._act(task))
        return results

    def _collect(self) -> None:
        batch, future = self._running.popleft()
        results = result_of(future, self._threads.check)
        for task, result in zip(batch, results, strict=True):
            self._done(task, result)
