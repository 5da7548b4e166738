"""Every tick becomes one run, whatever happens to the schedulers, their links and everybody's clock.

In short here; with ROTA_CAMPAIGN=full 10,000 ticks and 120 faults.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from sqlalchemy import text

from rota.errors import StoreUnavailable
from store.queries import jobs
from tests.acceptance.cluster import Cluster
from tests.acceptance.faults.clocks import COMPILER, WallClock, build
from tests.acceptance.faults.link import Link, Mode
from tests.waiting import wait_until

FULL = os.environ.get("ROTA_CAMPAIGN") == "full"
FAULTS = 120 if FULL else 18
TICKS = 10_000 if FULL else 1_000
JOBS = 50
LEASE_SECONDS = 1.0
#: Beyond its lease a leader's death may cost this much: the election, and whatever the new one has to read first.
BEYOND_LEASE_MS = 3_000
JUMPS = (1.0, -1.0, 61.0, -61.0, 3_600.0, -3_600.0, 86_400.0, -86_400.0)

pytestmark = pytest.mark.skipif(COMPILER is None, reason="clocks are moved by a library in C: needs a C compiler (cc)")


class Watch:
    """Sees each tick's run as soon as it is in the store, by a clock that nobody moves."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._seen = 0
        self._stopping = threading.Event()
        self.dues: Counter[tuple[str, int]] = Counter()
        self.lateness: list[int] = []
        self.odd: list[str] = []
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(20)

    def count(self) -> int:
        return len(self.lateness)

    def flowing(self, since: int) -> bool:
        """Whether a tick that was due after this time (ms) has come."""
        return max((due for _, due in self.dues), default=0) > since

    def _run(self) -> None:
        query = text("SELECT rowid, job, due, state, reason FROM runs WHERE rowid > :seen ORDER BY rowid")
        while not self._stopping.wait(0.01):
            try:
                with self._cluster.store.reading() as conn:
                    rows = conn.execute(query, {"seen": self._seen}).all()
            except StoreUnavailable:
                continue
            now = time.time_ns() // 1_000_000
            for row in rows:
                self._seen = row.rowid
                self.dues[row.job, row.due] += 1
                self.lateness.append(now - row.due)
                if row.state != "queued":
                    self.odd.append(f"{row.job} {row.due} {row.state}: {row.reason}")


class Schedulers:
    """Two schedulers, each with a link to Redis and a clock of its own."""

    def __init__(self, cluster: Cluster, library: Path) -> None:
        self.cluster = cluster
        self.clocks = {name: WallClock(library, name) for name in ("s1", "s2")}
        parts = urlsplit(cluster.server.url)
        target = Path(unquote(parts.path))
        self.links = {name: Link(cluster.folder / f"{name}.sock", target) for name in self.clocks}
        self._urls = {name: f"unix://{parts.netloc}{link.path}?{parts.query}" for name, link in self.links.items()}

    def start(self, name: str) -> None:
        settings = {"ROTA_REDIS_URL": self._urls[name], "ROTA_LEADER_LEASE_SECONDS": str(LEASE_SECONDS)}
        self.cluster.start("scheduler", name, **settings, **self.clocks[name].environment)

    def leader(self) -> str:
        """Wait for a leader that is alive and reachable, and return its name."""
        found: list[str] = []

        def leads() -> bool:
            owner = self.cluster.leader() or ""
            found[:] = [name for name, process in self.cluster.processes.items() if f"-{process.pid}-" in owner]
            return bool(found)

        wait_until(leads, timeout=20, what="a leader")
        return found[0]

    def kill(self, name: str) -> None:
        self.cluster.kill(name)
        self.start(name)

    def freeze(self, name: str) -> None:
        self.cluster.send_signal(name, signal.SIGSTOP)
        time.sleep(LEASE_SECONDS * 1.5)
        self.cluster.send_signal(name, signal.SIGCONT)

    def part(self, name: str, mode: Mode) -> None:
        self.links[name].set(mode)
        time.sleep(LEASE_SECONDS * 1.5)
        self.links[name].set("open")

    def close(self) -> None:
        for link in self.links.values():
            link.close()


@pytest.fixture
def redis_clock(tmp_path: Path) -> WallClock:
    return WallClock(build(tmp_path), "redis")


@pytest.fixture
def schedulers(make_cluster: Callable[..., Cluster], redis_clock: WallClock, tmp_path: Path) -> Iterator[Schedulers]:
    cluster = make_cluster(redis_environment=redis_clock.environment)
    schedulers = Schedulers(cluster, tmp_path / "wall_clock.so")
    yield schedulers
    schedulers.close()


def test_ticks_are_neither_lost_nor_doubled_nor_early_through_faults_and_jumping_clocks(
    schedulers: Schedulers, redis_clock: WallClock
) -> None:
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")
    dice = random.Random(seed)
    cluster = schedulers.cluster
    for n in range(JOBS):
        step = {"id": "only", "actor": "ledger"}
        cluster.define(name=f"beat-{n}", triggers=[{"every": "PT1S"}], catch_up={"policy": "all"}, steps=[step])
    schedulers.start("s1")
    schedulers.start("s2")
    clocks = [*schedulers.clocks.values(), redis_clock]
    faults = [
        schedulers.kill,
        schedulers.freeze,
        lambda name: schedulers.part(name, "frozen"),
        schedulers.kill,
        schedulers.freeze,
        lambda name: schedulers.part(name, dice.choice(("broken", "deaf"))),
    ]

    with Watch(cluster) as watch:
        wait_until(lambda: watch.count() > 5 * JOBS, timeout=60)
        quiet = sorted(watch.lateness[2 * JOBS :])
        for fault, _ in zip(cycle(faults), range(FAULTS), strict=False):
            clock = dice.choice(clocks)
            clock.set(dice.choice(JUMPS))
            fault(schedulers.leader())
            began = time.time_ns() // 1_000_000
            wait_until(lambda began=began: watch.flowing(began), timeout=20, what="ticks after a fault")
            clock.set(0.0)
        wait_until(lambda: watch.count() >= TICKS, timeout=60)
        with cluster.store.writing() as conn:
            jobs.set_enabled(conn, [f"beat-{n}" for n in range(JOBS)], False, at=cluster.clock.now_ms())
        # What was claimed in the moment of the switch is a recorded skip.
        wait_until(lambda count=[]: settled(watch, count), timeout=20)

    print(f"{watch.count()} ticks; quiet p99 {quiet[len(quiet) * 99 // 100]} ms; latest {max(watch.lateness)} ms")
    assert [each for each in watch.odd if "disabled" not in each] == []
    assert set(watch.dues.values()) == {1}
    for n in range(JOBS):
        dues = sorted(due for job, due in watch.dues if job == f"beat-{n}")
        assert dues == list(range(dues[0], dues[-1] + 1, 1000)), f"beat-{n}: a tick is missing"
    assert min(watch.lateness) >= 0, "a tick was early"
    assert max(watch.lateness) <= LEASE_SECONDS * 1000 + BEYOND_LEASE_MS


def settled(watch: Watch, counts: list[int]) -> bool:
    """Whether nothing came between two looks half a second apart."""
    time.sleep(0.5)
    counts.append(watch.count())
    return len(counts) > 2 and counts[-1] == counts[-2] == counts[-3]
