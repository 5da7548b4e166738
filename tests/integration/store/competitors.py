"""Eight processes that claim the slots of one key at once, each as admission does it.

Run as a program with the store's address and `fill` or `come-and-go`; prints (admitted, refused, most open at once) of
each process as JSON. A program of its own, so that the processes are forked from one that holds nothing yet.
"""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import sys
from multiprocessing.synchronize import Barrier
from pathlib import Path

from rota.ids import new_id
from rota.runs import Cause
from rota.states import RunState
from store.engine import Store
from store.queries import runs
from store.records import Closing, NewRun

PROCESSES = 8
LIMIT = 3
KEY = "shared"
_ROUNDS = 40


def run_competitors(url: str, manner: str) -> list[tuple[int, int, int]]:
    """Run the program and return what each process counted."""
    command = [sys.executable, "-m", "tests.integration.store.competitors", url, manner]
    root = Path(__file__).parents[3]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=120, cwd=root).stdout
    return [(admitted, refused, most) for admitted, refused, most in json.loads(said)]


def _compete(url: str, manner: str, start: Barrier) -> tuple[int, int, int]:
    store = Store(url)
    store.ping()
    start.wait(timeout=60)
    admitted = refused = most = 0
    for _ in range(_ROUNDS):
        run = _claimed(store)
        if run is None:
            continue
        if not store.write(lambda conn, run=run: runs.insert_admitted(conn, [run], [])):  # type: ignore[misc]
            refused += 1
            continue
        admitted += 1
        with store.reading() as conn:
            most = max(most, runs.count_open(conn)[RunState.QUEUED])
        if manner == "come-and-go":
            ended = Closing(run=run.id, state=RunState.SUCCEEDED, at=2)
            store.write(lambda conn, ended=ended: runs.close(conn, [ended]))  # type: ignore[misc]
    store.close()
    return admitted, refused, most


def _claimed(store: Store) -> NewRun | None:
    with store.reading() as conn:
        free = min(set(range(LIMIT)) - runs.open_slots(conn, [KEY])[KEY], default=None)
    if free is None:
        return None
    run = new_id()
    return NewRun(
        id=run,
        job="tidy",
        job_version=1,
        owner="admin",
        kind="user",
        cause=Cause.of_person("alice", run),
        queued_at=1,
        slot_key=KEY,
        slot_no=free,
    )


def _main(url: str, manner: str) -> None:
    context = multiprocessing.get_context("fork")
    start = context.Barrier(PROCESSES)
    answers = context.SimpleQueue()
    processes = [context.Process(target=lambda: answers.put(_compete(url, manner, start))) for _ in range(PROCESSES)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    print(json.dumps([answers.get() for process in processes if process.exitcode == 0]))


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2])
