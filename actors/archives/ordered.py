"""Has tasks done on several threads and gives what they make in the order of the tasks, with bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, wait
from typing import Generic, NamedTuple, TypeVar

from actors.archives.packing import Packing
from actors.threads import result_of

MOST_BYTES = 48 * 1024 * 1024
"""How many bytes the tasks in flight may hold: enough for all threads, and a fraction of what a process may take."""
_TASKS_PER_THREAD = 3

K = TypeVar("K")
T = TypeVar("T")


class Task(NamedTuple, Generic[K, T]):
    """Something that a thread does."""

    key: K
    """Given back with the result."""
    size: int
    """How many bytes it holds until its result is taken."""
    act: Callable[[], T]


def in_order(tasks: Iterator[Task[K, T]], packing: Packing) -> Generator[tuple[K, T]]:
    """Give the keys and results of tasks in their order; the tasks are made in the thread that asks for results.

    At most three tasks for each thread are in flight, and no more than hold `MOST_BYTES` together, but always one.
    What a task or `packing.check` raises is raised here. Whoever leaves early closes the iterator: it returns when no
    task is running any more.
    """
    waiting: deque[tuple[Task[K, T], Future[T]]] = deque()
    most = _TASKS_PER_THREAD * packing.threads
    held = 0
    try:
        for task in tasks:
            packing.check()
            while waiting and (len(waiting) >= most or held + task.size > MOST_BYTES or waiting[0][1].done()):
                held -= waiting[0][0].size
                yield _first(waiting, packing)
            held += task.size
            waiting.append((task, packing.pool.submit(task.act)))
        while waiting:
            yield _first(waiting, packing)
    finally:
        for _, future in waiting:
            future.cancel()
        wait([future for _, future in waiting])


def _first(waiting: deque[tuple[Task[K, T], Future[T]]], packing: Packing) -> tuple[K, T]:
    task, future = waiting[0]
    result = result_of(future, packing.check)
    waiting.popleft()
    return task.key, result
