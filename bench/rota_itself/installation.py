"""A scheduler and a worker of Rota as processes of their own, on a SQLite file, for as long as a measurement takes."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from actors.registry import Registry, load_registry
from bus.connection import Bus
from rota.clock import SystemClock
from rota.definitions import parse_definition
from store.engine import Store
from store.queries import jobs

ACTORS = "bench.rota_itself.actors"
_ROOT = Path(__file__).resolve().parents[2]


class Installation:
    """Rota on one Redis and one file; processes are started by name and killed at the end."""

    def __init__(self, url: str, folder: Path) -> None:
        self.clock = SystemClock()
        self.bus = Bus(url)
        self.bus.client.flushall()
        self.actors: Registry = load_registry([ACTORS])
        self.store = Store(f"sqlite:///{folder / 'rota.db'}", clock=self.clock)
        self.store.upgrade()
        self._environment = {
            **os.environ,
            "PYTHONPATH": str(_ROOT),
            "ROTA_STATE_DIR": str(folder),
            "ROTA_DEFINITIONS_DIR": str(folder / "jobs"),
            "ROTA_REDIS_URL": url,
            "ROTA_DATABASE_URL": f"sqlite:///{folder / 'rota.db'}",
            "ROTA_ACTOR_MODULES": ACTORS,
            "ROTA_PROCESSES": "1",
            "ROTA_THREADS": "8",
            "ROTA_QUEUES": "bench",
            "ROTA_LOG_LEVEL": "error",
        }
        self._processes: list[subprocess.Popen[bytes]] = []

    def define(self, definition: Mapping[str, Any]) -> None:
        """Save a job."""
        job = parse_definition(dict(definition), source="bench", actors=self.actors)
        with self.store.writing() as conn:
            jobs.save(conn, job, author="bench", source="bench", at=self.clock.now_ms())

    def start(self, command: str) -> int:
        """Start `rota scheduler` or `rota worker`, and return the number of its process."""
        arguments = [sys.executable, "-m", "console.main", command]
        self._processes.append(subprocess.Popen(arguments, env=self._environment))
        return self._processes[-1].pid

    def stop(self) -> None:
        """Stop all processes."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait(60)
        self._processes.clear()

    def close(self) -> None:
        """Stop everything."""
        self.stop()
        self.store.close()
        self.bus.close()


@contextmanager
def installation(url: str) -> Iterator[Installation]:
    """Set Rota up on an empty Redis and a new file, and take it down again."""
    with tempfile.TemporaryDirectory(prefix="rota-bench-") as folder:
        rota = Installation(url, Path(folder))
        try:
            yield rota
        finally:
            rota.close()
