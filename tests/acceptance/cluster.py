"""A whole Rota of real processes on one folder, whose parts a test kills, freezes and starts again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import select

from actors.registry import load_registry
from bus.connection import Bus
from bus.server import EmbeddedServer
from rota.clock import SystemClock
from rota.definitions import parse_definition
from rota.errors import BusUnavailable, StoreUnavailable
from store.engine import Store
from store.queries import jobs
from store.tables.work import runs as RUNS
from tests.processes import is_running
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
            for child in psutil.Process(self.processes[name].pid).children():
                # Not a watcher or a helper, and not one that is still what it was forked from.
                if "workers.child" in child.cmdline():
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

    def leading(self) -> str | None:
        """The name of the scheduler that leads; None if nobody does who is alive."""
        return self.name_of(self.leader())

    def name_of(self, owner: str | None) -> str | None:
        """The name of the scheduler with this owner id: a host, a process id and something by chance."""
        pid = (owner or "--").rsplit("-", 2)[1]
        return next((name for name, process in self.processes.items() if str(process.pid) == pid), None)

    def close(self) -> None:
        """End everything as it is: how processes stop by themselves is tested where it is looked at."""
        family = []
        for process in self.processes.values():
            with suppress(psutil.Error):
                one = psutil.Process(process.pid)
                # So that it makes no more while its children are looked for.
                one.suspend()
                family += one.children(recursive=True)
            process.kill()
        for process in self.processes.values():
            process.wait()
        for child in family:
            with suppress(psutil.Error):
                child.kill()
        for child in family:
            wait_until(lambda child=child: not is_running(child), timeout=60, what=f"the end of {child}")
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
        asked = list(run_ids)
        counts: Counter[str] = Counter()
        with self.store.reading() as conn:
            for begin in range(0, len(asked), 500):
                some = select(RUNS.c.state).where(RUNS.c.id.in_(asked[begin : begin + 500]))
                counts.update(map(str, conn.scalars(some)))
        return counts

    def wait_for_end(self, run_ids: Sequence[str], *, timeout: float, state: str = "succeeded") -> None:
        """Wait until all these runs have ended in the one state."""

        def ended() -> bool:
            try:
                states = self.states(run_ids)
            except StoreUnavailable:
                return False
            assert states == {state: len(run_ids)}
            return True

        wait_until(ended, timeout=timeout, what=f"{len(run_ids)} runs {state}")

    def lines(self, word: str) -> list[list[str]]:
        """Lines of the ledger that begin with a word, split."""
        text = self.ledger.read_text() if self.ledger.exists() else ""
        return [line.split() for line in text.splitlines() if line.startswith(word + " ")]

    def open_gate(self) -> None:
        """Let bodies end that wait for it."""
        self.ledger.with_name("gate").touch()

    def wait_for_leader(self, *, other_than: str | None = None, timeout: float = 60.0) -> str:
        found: list[str | None] = []

        def leads() -> bool:
            found[:] = [self.leader()]
            return found[0] not in {None, other_than}

        wait_until(leads, timeout=timeout, what="a leader")
        return str(found[0])

    def log_tail(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()[-4000:]


def elapsed_until(fact: Any, *, timeout: float) -> float:
    """Seconds until a fact holds."""
    begin = time.monotonic()
    wait_until(fact, timeout=timeout)
    return time.monotonic() - begin
