"""Tasks of several threads: results in their order, a bound on what is in flight, nothing left running."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from actors.archives.ordered import MOST_BYTES, Task, in_order
from actors.archives.packing import Packing
from rota.errors import Interrupted
from tests.waiting import wait_until

THREADS = 2


@pytest.fixture
def packing() -> Iterator[Packing]:
    with ThreadPoolExecutor(THREADS) as pool:
        yield Packing(pool=pool, threads=THREADS)


def test_results_come_in_the_order_of_the_tasks(packing: Packing) -> None:
    first_may_end = threading.Event()

    def act(number: int) -> int:
        if number == 0:
            assert first_may_end.wait(30)
        else:
            first_may_end.set()
        return number * 10

    tasks = (Task(number, 1, partial(act, number)) for number in range(50))

    assert list(in_order(tasks, packing)) == [(number, number * 10) for number in range(50)]


@pytest.mark.parametrize(("size", "most"), [(1, 3 * THREADS), (MOST_BYTES // 2, 2), (MOST_BYTES * 2, 1)])
def test_no_more_is_in_flight_than_allowed(packing: Packing, size: int, most: int) -> None:
    handed = []
    go_on = threading.Event()

    def tasks() -> Generator[Task[int, bool]]:
        for number in range(20):
            handed.append(number)
            yield Task(number, size, lambda: go_on.wait(120))

    def watch() -> None:
        try:
            wait_until(lambda: len(handed) > most, timeout=60)
        finally:
            go_on.set()

    watcher = threading.Thread(target=watch)
    watcher.start()
    results = in_order(tasks(), packing)
    next(results)
    watcher.join()

    # One more than may be in flight has been made, and waits for its place.
    assert len(handed) == most + 1
    assert len(list(results)) == 19


def test_what_a_task_raises_is_raised_in_its_place(packing: Packing) -> None:
    def fail() -> int:
        raise OSError("broken")

    results = in_order(iter([Task(1, 1, lambda: 1), Task(2, 1, fail), Task(3, 1, lambda: 3)]), packing)

    assert next(results) == (1, 1)
    with pytest.raises(OSError, match="broken"):
        next(results)


def test_leaving_early_waits_for_what_is_running_and_starts_no_more(packing: Packing) -> None:
    started = []
    ended = []

    def act(number: int) -> None:
        started.append(number)
        threading.Event().wait(0.05 if number else 0)
        ended.append(number)

    results = in_order((Task(number, 1, partial(act, number)) for number in range(100)), packing)
    next(results)
    results.close()

    assert sorted(started) == sorted(ended)
    assert len(started) <= 3 * THREADS + 1


def test_an_interruption_ends_the_waiting() -> None:
    begun, may_end = threading.Event(), threading.Event()

    def check() -> None:
        if begun.is_set():
            may_end.set()
            raise Interrupted("stop")

    def act() -> None:
        begun.set()
        assert may_end.wait(30)

    with ThreadPoolExecutor(1) as pool:
        packing = Packing(pool=pool, threads=1, check=check)
        with pytest.raises(Interrupted):
            list(in_order(iter([Task(1, 1, act)]), packing))
