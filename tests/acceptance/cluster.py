"""A whole Rota of real processes on one folder, whose parts a test kills, freezes and starts again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from actors.registry import load_registry
from bus.connection import Bus
from bus.server import EmbeddedServer
from rota.clock import SystemClock
from rota.definitions import parse_definition
from rota.errors import BusUnavailable, StoreUnavailable
from store.engine import Store
from store.queries import jobs, runs
from tests.waiting import wait_until

ACTOR_MODULE = "tests.acceptance.ledger_actors"
ROOT = Path(__file__).resolve().parents[2]


class Cluster:
    """Redis, a database and any number of schedulers and workers, each under a name of its own."""

    def __init__(
        self,
        folder: Path,
        *,
        lease_seconds: float = 15.0,
        database_url: str | None = None,
        redis_environment: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.ledger = folder / "ledger"
        self.lease_seconds = lease_seconds
        self.server = EmbeddedServer(folder / "redis")
        with pytest.MonkeyPatch.context() as patch:
            for name, value in (redis_environment or {}).items():
                patch.setenv(name, value)
            self.server.start()
        self.database_url = database_url or f"sqlite:///{folder / 'rota.db'}"
        self.clock = SystemClock()
        self.store = Store(self.database_url, clock=self.clock)
        self.store.upgrade()
        self.bus = Bus(self.server.url, lease_ms=int(lease_seconds * 1000))
        self.registry = load_registry([ACTOR_MODULE])
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    # --- processes -------------------------------------------------------------------------------------------

    def environment(self) -> dict[str, str]:
        settings: dict[str, Any] = {
            "STATE_DIR": self.folder,
            "DEFINITIONS_DIR": self.folder / "no-jobs",
            "REDIS_URL": self.server.url,
            "DATABASE_URL": self.database_url,
            "LEASE_SECONDS": self.lease_seconds,
            "HEARTBEAT_SECONDS": self.lease_seconds / 3.5,
            "GRACE_SECONDS": 5,
            "PROCESSES": 1,
            "THREADS": 4,
            "ACTOR_MODULES": ACTOR_MODULE,
            "LOG_FORMAT": "json",
        }
        return {
            **os.environ,
            **{f"ROTA_{name}": str(value) for name, value in settings.items()},
            "LEDGER": str(self.ledger),
            "PYTHONPATH": str(ROOT),
        }

    def start(self, command: str, name: str, **environment: str) -> None:
        """Start `rota scheduler` or `rota worker` under a name, with more in its environment if given."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", "console.main", command],
                env={**self.environment(), **environment},
                stdout=log,
                stderr=log,
                cwd=self.folder,
            )

    def kill(self, name: str) -> None:
        """Kill a process with -9; its children die with it."""
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def send_signal(self, name: str, number: int) -> None:
        self.processes[name].send_signal(number)

    def child_of(self, name: str) -> int | None:
        """The process id of one child of a worker, None while it has none."""
        with suppress(psutil.Error):
            for child in psutil.Process(self.processes[name].pid).children(recursive=True):
                if "workers.child" in " ".join(child.cmdline()) or "multiprocessing" not in " ".join(child.cmdline()):
                    return child.pid
        return None

    def kill_child(self, name: str) -> bool:
        pid = self.child_of(name)
        if pid is None:
            return False
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            return True
        return False

    def kill_redis(self) -> None:
        """Kill Redis with -9 and start it again on what its append-only file holds."""
        pid = self.server.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        self.server.wait(10)
        self.server.start()

    def leader(self) -> str | None:
        """The owner id of the leading scheduler."""
        with suppress(BusUnavailable):
            return self.bus.census.figures().leader
        return None

    def close(self) -> None:
        for process in self.processes.values():
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
                process.terminate()
        for process in self.processes.values():
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.store.close()
        self.bus.close()
        self.server.stop()

    # --- work ------------------------------------------------------------------------------------------------

    def define(self, **fields: Any) -> None:
        """Save a job with one step; name what the test is about."""
        given = {"label": fields["name"], "owner": "tester", "overlap": "allow_all", **fields}
        job = parse_definition(given, source="test", actors=self.registry)
        with self.store.writing() as conn:
            jobs.save(conn, job, author="tester", source="test", at=self.clock.now_ms())

    def admit(self, job: str, count: int, *, params: dict[str, Any] | None = None) -> list[str]:
        """Admit runs as the API does, and send them; a Redis that is away is the sweeper's business."""
        from rota.ids import new_id
        from rota.runs import Cause
        from scheduler.admission.admitting import Request, admit, deliver

        requests = [
            Request(job=job, cause=Cause.of_person("tester", new_id()), params=params or {}) for _ in range(count)
        ]
        admitted = admit(self.store, requests, now=self.clock.now_ms(), actors=self.registry)
        deliver(self.bus, admitted)
        return [one.run for one in admitted]

    def states(self, run_ids: Iterable[str]) -> dict[str, int]:
        """How many of these runs are in which state."""
        counts: dict[str, int] = {}
        with self.store.reading() as conn:
            for run_id in run_ids:
                state = str(runs.get_run(conn, run_id).state)
                counts[state] = counts.get(state, 0) + 1
        return counts

    def wait_for_end(self, run_ids: Sequence[str], *, timeout: float, state: str = "succeeded") -> None:
        """Wait until all these runs have ended in the one state."""

        def ended() -> bool:
            try:
                return self.states(run_ids) == {state: len(run_ids)}
            except StoreUnavailable:
                return False

        wait_until(ended, timeout=timeout, what=f"{len(run_ids)} runs {state}: {self.states(run_ids)}")

    def lines(self, word: str) -> list[list[str]]:
        """Lines of the ledger that begin with a word, split."""
        text = self.ledger.read_text() if self.ledger.exists() else ""
        return [line.split() for line in text.splitlines() if line.startswith(word + " ")]

    def wait_for_leader(self, *, other_than: str | None = None, timeout: float = 10.0) -> str:
        wait_until(lambda: self.leader() not in {None, other_than}, timeout=timeout, what="a leader")
        leader = self.leader()
        assert leader is not None
        return leader

    def log_tail(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()[-4000:]


def elapsed_until(fact: Any, *, timeout: float) -> float:
    """Seconds until a fact holds."""
    begin = time.monotonic()
    wait_until(fact, timeout=timeout)
    return time.monotonic() - begin
