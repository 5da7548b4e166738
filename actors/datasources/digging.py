"""Those who dig: they take lists of tasks and answer them; here as threads of this process."""

from __future__ import annotations

import resource
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Protocol

from actors.datasources.graves import Answer, Task

CHECK_SECONDS = 0.25
_AHEAD = 2  # lists of tasks for each thread: one that it works on, and another to go on with
_BUSY_SHARE = 0.5
_LEAST_WAITS = 50  # a second

Dig = Callable[[Sequence[Task], Callable[[], None]], list[Answer]]
"""Does a list of tasks; it calls what it is handed now and then, which raises when nobody needs the answers."""


class Stopped(Exception):
    """Raised in a thread whose answers nobody needs any more."""


class Diggers(Protocol):
    """Take lists of tasks and answer them in any order; for one thread."""

    @property
    def room(self) -> int:
        """How many lists can be asked for now."""

    @property
    def list_entries(self) -> int:
        """About how many entries a list of tasks should be worth."""

    def ask(self, tasks: Sequence[Task]) -> None:
        """Let somebody do these tasks."""

    def told(self, check: Callable[[], None]) -> Iterator[Answer]:
        """Wait until something is answered, and give all that has come; `check` is called four times a second."""

    def close(self) -> None:
        """Stop them, whatever they do; twice is fine."""


class Pace:
    """Watches from its making on whether the thread that made it mostly waits for something outside, such as a disk.

    A thread that waits gives up the processor by itself. One that had to, because others wanted it as well, has as
    little of it and is not made quicker by company.
    """

    def __init__(self) -> None:
        self._since, self._used, self._waits = time.monotonic(), time.thread_time(), _waits()

    @property
    def is_waiting(self) -> bool:
        """Whether it mostly waited up to now."""
        passed = max(time.monotonic() - self._since, 1e-9)
        share = (time.thread_time() - self._used) / passed
        return share < _BUSY_SHARE and _waits() - self._waits > _LEAST_WAITS * passed


class ThreadDiggers:
    """Threads of this process: all of them at once, or one until that one mostly waits."""

    def __init__(self, dig: Dig, *, threads: int, list_entries: int, at_once: bool = True) -> None:
        self._dig = dig
        self._threads = threads
        self._most = _AHEAD * threads if at_once else 1
        self.list_entries = list_entries
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="dig")
        self._asked: set[Future[list[Answer]]] = set()
        self._stopped = threading.Event()

    @property
    def room(self) -> int:
        """How many lists can be asked for now."""
        return self._most - len(self._asked)

    @property
    def are_busy(self) -> bool:
        """Whether something is not answered yet."""
        return bool(self._asked)

    def ask(self, tasks: Sequence[Task]) -> None:
        """Let a thread do these tasks."""
        self._asked.add(self._pool.submit(self._work, tasks))

    def told(self, check: Callable[[], None]) -> Iterator[Answer]:
        """Wait until something is answered, and give all that has come; raises what a thread failed with."""
        while not (answers := self.finished(CHECK_SECONDS)):
            check()
        yield from answers

    def finished(self, seconds: float) -> list[Answer]:
        """Give what is answered within this time, which may be nothing; raises what a thread failed with."""
        done = wait(self._asked, timeout=seconds, return_when=FIRST_COMPLETED).done
        self._asked -= done
        return [answer for future in done for answer in future.result()]

    def close(self) -> None:
        """Stop the threads, and wait for them: each looks whether it shall go on after a few entries."""
        self._stopped.set()
        self._pool.shutdown(cancel_futures=True)

    def _work(self, tasks: Sequence[Task]) -> list[Answer]:
        pace = Pace()
        answers = self._dig(tasks, self._go_on)
        if self._most == 1 and pace.is_waiting:
            self._most = _AHEAD * self._threads
        return answers

    def _go_on(self) -> None:
        if self._stopped.is_set():
            raise Stopped


def _waits() -> int:
    return resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw
