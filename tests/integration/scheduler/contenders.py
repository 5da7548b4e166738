"""Eight processes that admit runs of a few slots, end them, and cancel some, all at once and at random.

Run as a program with the store's address and a manner; prints what each process did as JSON. With `slots` runs wait for
each other, with `elbows` they push each other out, with `rates` they take turns. A program of its own, so that the
processes are forked from one that holds nothing yet. What happened in which order stands in the table `history`, which
triggers of the database fill.
"""

from __future__ import annotations

import json
import multiprocessing
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any, TypeVar

from actors.registry import load_registry
from rota.errors import StoreUnavailable
from rota.messages import Outcome
from rota.runs import Cause
from rota.states import RunState
from scheduler.admission.admitting import Request, admit
from scheduler.admission.promotion import record_and_promote
from scheduler.jobs.catalogue import Catalogue
from store.engine import Connection, Store
from store.queries import jobs, runs
from tests.factories import make_job

Answer = TypeVar("Answer")

PROCESSES = 8
SLOTS = 3
KEY = "key:disk"
#: Nobody waits for these turns: they are only given, and even a slow machine asks for all of them within one period.
RATE = {"limit": 5, "period": "PT10M"}
_DEEDS = 60
_TURNS = 12

_COLUMNS = "run TEXT, job TEXT, state TEXT, slot INTEGER"
_VALUES = "NEW.id, NEW.job, NEW.state, NEW.slot_no"
_INSERT = "INSERT INTO history (run, job, state, slot)"
_SQLITE_HISTORY = (
    f"CREATE TABLE history (seq INTEGER PRIMARY KEY AUTOINCREMENT, {_COLUMNS})",
    *(
        f"CREATE TRIGGER history_{when} AFTER {what} ON runs BEGIN {_INSERT} VALUES ({_VALUES}); END"
        for when, what in (("in", "INSERT"), ("on", "UPDATE OF state, slot_no"))
    ),
)
_REMEMBER = (
    "CREATE FUNCTION remember() RETURNS trigger LANGUAGE plpgsql AS $$"
    f" BEGIN {_INSERT} VALUES ({_VALUES}); RETURN NEW; END $$"
)
_POSTGRESQL_HISTORY = (
    f"CREATE TABLE history (seq BIGSERIAL PRIMARY KEY, {_COLUMNS})",
    _REMEMBER,
    "CREATE TRIGGER history AFTER INSERT OR UPDATE OF state, slot_no ON runs FOR EACH ROW EXECUTE FUNCTION remember()",
)


def contend(url: str, manner: str) -> list[dict[str, int]]:
    """Prepare the database, run the program, and return what each process counted."""
    store = Store(url)
    with store.writing() as conn:
        for statement in _SQLITE_HISTORY if store.dialect == "sqlite" else _POSTGRESQL_HISTORY:
            conn.exec_driver_sql(statement)
        for name, fields in _jobs(manner).items():
            jobs.save(conn, make_job(name, **fields), author="tester", source="test", at=1)
    store.close()
    command = [sys.executable, "-m", "tests.integration.scheduler.contenders", url, manner]
    root = Path(__file__).parents[3]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=240, cwd=root).stdout
    counted: list[dict[str, int]] = json.loads(said)
    return counted


def _jobs(manner: str) -> dict[str, dict[str, Any]]:
    if manner == "rates":
        return {"tidy": {"overlap": "allow_all", "rate": RATE}}
    shared: dict[str, Any] = {"overlap": "buffer_all", "concurrency": {"key": "disk", "limit": SLOTS}}
    urgent = {**shared, "priority": "high"}
    if manner == "elbows":
        return {"tidy": {**shared, "overlap": "cancel_other"}, "urgent": {**urgent, "overlap": "terminate_other"}}
    return {"tidy": shared, "urgent": urgent}


class _Contender:
    """One process: a scheduler's admission and recorder, without a bus."""

    def __init__(self, url: str, number: int) -> None:
        self._store = Store(url)
        self._registry = load_registry()
        self._catalogue = Catalogue(self._registry)
        self._number = number
        self._random = random.Random(number)
        self.counts: Counter[str] = Counter()

    def admit(self, job: str) -> None:
        """Ask for one run."""
        cause = Cause.of_person("alice", f"{self._number}-{self.counts.total()}-{self._random.random()}")
        now = self._store.clock.now_ms()
        request = Request(job=job, cause=cause)
        (answer,) = _insist(lambda: admit(self._store, [request], now=now, actors=self._registry))
        self.counts[answer.state.value] += 1

    def end_one(self) -> bool:
        """Let one of those that hold a slot succeed, as the recorder does it; False when none does."""
        with self._store.reading() as conn:
            held = runs.slots(conn, [KEY])[KEY]
            if not held:
                return False
            run = self._random.choice(held).run
            task = runs.run_detail(conn, run).tasks[0]
        now = self._store.clock.now_ms()
        outcome = Outcome(
            kind="finished",
            task=task.id,
            run=run,
            fence=task.fence + 1,
            attempt=1,
            worker="worker",
            at=now,
            state=RunState.SUCCEEDED.value,
        )

        def change(conn: Connection) -> int:
            return len(record_and_promote(conn, [outcome], catalogue=self._catalogue, now=now).closed)

        self.counts["ended"] += _insist(lambda: self._store.write(change))
        return True

    def cancel_one(self) -> None:
        """Cancel one of those that wait."""
        with self._store.reading() as conn:
            line = runs.in_line(conn, KEY)
        if line:
            chosen = self._random.choice(line)

            def change(conn: Connection) -> None:
                runs.request_cancel(conn, [chosen], at=1, reason="cancelled by alice")

            _insist(lambda: self._store.write(change))

    def take_slots(self) -> None:
        """Do all of it at random many times, then end what is left."""
        for _ in range(_DEEDS):
            deed = self._random.random()
            if deed < 0.5:
                self.admit("urgent" if self._random.random() < 0.3 else "tidy")
            elif deed < 0.97:
                self.end_one()
            else:
                self.cancel_one()
        while self.end_one():
            pass

    def take_turns(self) -> None:
        """Ask for some runs as quickly as possible."""
        for _ in range(_TURNS):
            self.admit("tidy")


def _insist(deed: Callable[[], Answer]) -> Answer:
    """Do it again when others kept the database busy for too long, as the loop of a scheduler does."""
    while True:
        try:
            return deed()
        except StoreUnavailable as error:
            print(error, file=sys.stderr)


def _compete(url: str, manner: str, number: int, start: Barrier) -> dict[str, int]:
    contender = _Contender(url, number)
    start.wait(timeout=60)
    if manner == "rates":
        contender.take_turns()
    else:
        contender.take_slots()
    return dict(contender.counts)


def _main(url: str, manner: str) -> None:
    context = multiprocessing.get_context("fork")
    start = context.Barrier(PROCESSES)
    answers = context.SimpleQueue()
    processes = [
        context.Process(target=lambda number=number: answers.put(_compete(url, manner, number, start)))
        for number in range(PROCESSES)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    print(json.dumps([answers.get() for process in processes if process.exitcode == 0]))


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2])
