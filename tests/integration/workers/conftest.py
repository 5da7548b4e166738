"""Real worker processes on a real Redis; the recorder's part is played by the test."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bus.connection import Bus
from rota.errors import BusUnavailable
from rota.ids import new_id
from rota.messages import Outcome, TaskMessage
from tests.servers import start_redis
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[3]
LEASE_SECONDS = 4.0


class Hearing:
    """Everything that workers have reported, read from the stream as the recorder reads it."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.outcomes: list[Outcome] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def of(self, task: TaskMessage) -> list[Outcome]:
        return [outcome for outcome in list(self.outcomes) if outcome.task == task.task]

    def states(self, task: TaskMessage) -> list[str]:
        """The states of the ends that were reported for a task, in order."""
        return [str(outcome.state) for outcome in self.of(task) if outcome.kind == "finished"]

    def end(self, task: TaskMessage, state: str, *, timeout: float = 60.0) -> Outcome:
        """Wait for an end in this state and return it."""

        def ended() -> bool:
            assert state in self.states(task), self.of(task)
            return True

        wait_until(ended, timeout=timeout, what=f"the end of a task as {state}")
        return next(outcome for outcome in self.of(task) if outcome.kind == "finished" and outcome.state == state)

    def start(self, task: TaskMessage, *, timeout: float = 60.0) -> Outcome:
        """Wait until a task is reported as started, and return the report."""
        wait_until(lambda: any(one.kind == "started" for one in self.of(task)), timeout=timeout, what="started")
        return next(one for one in self.of(task) if one.kind == "started")

    def progress(self, task: TaskMessage) -> float | None:
        """How far a task said it was, last."""
        told = [outcome.progress.done for outcome in self.of(task) if outcome.progress is not None]
        return told[-1] if told else None

    def close(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _listen(self) -> None:
        while not self._stopping.is_set():
            with suppress(BusUnavailable):
                self._hear()

    def _hear(self) -> None:
        read = self._bus.outcomes.read(block_ms=100)
        ended = [
            (outcome.task, outcome.fence)
            for _, outcome in read
            if outcome is not None and outcome.kind == "finished" and outcome.state != "retrying"
        ]
        try:
            self._bus.outcomes.done([entry for entry, _ in read], ended)
        finally:
            # Heard is heard, even if Redis went away in between.
            self.outcomes += [outcome for _, outcome in read if outcome is not None]


class WorkerProcess:
    """One `rota worker`, started as a user starts it."""

    def __init__(self, folder: Path, redis_url: str, number: int, **settings: Any) -> None:
        given = {
            "STATE_DIR": folder,
            "REDIS_URL": redis_url,
            "LEASE_SECONDS": LEASE_SECONDS,
            "HEARTBEAT_SECONDS": LEASE_SECONDS / 4,
            "GRACE_SECONDS": 2,
            "PROCESSES": 1,
            "THREADS": 4,
            "ACTOR_MODULES": "tests.actors_for_tests",
            "LOG_FORMAT": "json",
            **{name.upper(): value for name, value in settings.items()},
        }
        self.log = folder / f"worker{number}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "console.main", "worker"],
                env={**_environment(), **{f"ROTA_{name}": str(value) for name, value in given.items()}},
                cwd=ROOT,
                stdout=log,
                stderr=log,
            )

    def children(self) -> dict[str, int]:
        """The living children: process id by worker id, from what the supervisor logged."""
        found: dict[str, int] = {}
        for line in self.events("child.spawned"):
            with suppress(ProcessLookupError):
                os.kill(line["pid"], 0)
                found[line["worker"]] = line["pid"]
        return found

    def events(self, event: str) -> list[dict[str, Any]]:
        import json

        lines = []
        for text in self.log.read_text().splitlines():
            with suppress(ValueError):
                line = json.loads(text)
                if line.get("event") == event:
                    lines.append(line)
        return lines

    def wait_ready(self, count: int = 1) -> None:
        wait_until(lambda: len(self.events("child.started")) >= count, timeout=60, what="a child that has started")

    def stop(self, number: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(60)


def _environment() -> dict[str, str]:
    """What is around us, without settings that a developer may have made."""
    return {name: value for name, value in os.environ.items() if not name.startswith("ROTA_")}


class Standing(NamedTuple):
    """A worker that is there, on a Redis of its own, and what it has reported so far."""

    bus: Bus
    hearing: Hearing


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    """A worker for all tests of a module that do nothing but send it tasks; what others sent is there too."""
    folder = Path(tmp_path_factory.mktemp("standing"))
    with start_redis(folder / "redis") as url:
        bus = Bus(url, lease_ms=int(LEASE_SECONDS * 1000))
        worker = WorkerProcess(folder, url, 0)
        hearing = Hearing(bus)
        try:
            worker.wait_ready()
            yield Standing(bus, hearing)
        finally:
            worker.process.kill()
            worker.process.wait()
            hearing.close()
            bus.close()


@pytest.fixture
def bus(redis_url: str) -> Iterator[Bus]:
    bus = Bus(redis_url, lease_ms=int(LEASE_SECONDS * 1000))
    yield bus
    bus.close()


@pytest.fixture
def hearing(bus: Bus) -> Iterator[Hearing]:
    hearing = Hearing(bus)
    yield hearing
    hearing.close()


@pytest.fixture
def start_worker(
    tmp_path: Path, redis_url: str, request: pytest.FixtureRequest
) -> Iterator[Callable[..., WorkerProcess]]:
    """Starts workers and ends them after the test; their logs are shown when it failed."""
    started: list[WorkerProcess] = []

    def start(**settings: Any) -> WorkerProcess:
        worker = WorkerProcess(tmp_path, redis_url, len(started), **settings)
        started.append(worker)
        return worker

    failed_before = request.session.testsfailed
    yield start
    for worker in started:
        if worker.process.poll() is None:
            worker.process.kill()
            worker.process.wait()
        if request.session.testsfailed > failed_before:
            print(f"--- {worker.log.name}\n{worker.log.read_text()[-8000:]}")


def make_task(actor: str, queue: str = "test", **fields: Any) -> TaskMessage:
    """Make a task that no store knows; the actor's parameters as `params`."""
    return TaskMessage(
        **{"task": new_id(), "run": new_id(), "job": "test-job", "step": "only", "actor": actor, "queue": queue}
        | fields
    )
