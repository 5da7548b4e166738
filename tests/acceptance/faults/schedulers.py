"""Two schedulers, each with a clock and a link to Redis of its own, and what is done to the one that leads."""

from __future__ import annotations

import signal
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tests.acceptance.cluster import Cluster
from tests.acceptance.faults.clocks import WallClock
from tests.acceptance.faults.link import Link, Mode
from tests.waiting import wait_until

NAMES = ("s1", "s2")
#: How long anything may take that must happen, on a machine that does much else.
PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Term:
    """Who leads, None if nobody does who is alive, and the epoch: read together, because it may change at any time."""

    name: str | None
    epoch: int

    @property
    def leader(self) -> str:
        """The name of the leader that there is."""
        assert self.name is not None
        return self.name


class Schedulers:
    """Starts them, and does to the leader what takes the leadership from it: each fault ends when another leads."""

    def __init__(self, cluster: Cluster, library: Path, *, lease_seconds: float) -> None:
        self.cluster = cluster
        self.clocks = {name: WallClock(library, name) for name in NAMES}
        parts = urlsplit(cluster.server.url)
        target = Path(unquote(parts.path))
        # Not in the cluster's folder, whose path may be too long for a socket.
        self._sockets = tempfile.TemporaryDirectory(prefix="rota-links-")
        self._links = {name: Link(Path(self._sockets.name, name), target) for name in NAMES}
        self._urls = {name: f"unix://{parts.netloc}{link.path}?{parts.query}" for name, link in self._links.items()}
        self._lease_seconds = lease_seconds
        self._starts: Counter[str] = Counter()

    def start(self, name: str) -> None:
        settings = {"ROTA_REDIS_URL": self._urls[name], "ROTA_LEADER_LEASE_SECONDS": str(self._lease_seconds)}
        self.cluster.start("scheduler", name, **settings, **self.clocks[name].environment)
        self._starts[name] += 1

    def ready(self) -> bool:
        """Return whether each that was started is there: a leader has a standby."""
        return all(self.logged(name, "scheduler.started") >= count for name, count in self._starts.items())

    def logged(self, name: str, event: str) -> int:
        """Return how often a scheduler has logged an event; loggers have names like those of events."""
        return (self.cluster.folder / f"{name}.log").read_text().count(f'"event": "{event}"')

    def count(self, counter: str) -> int:
        """Return a counter of the fleet."""
        return self.cluster.bus.census.figures().counters.get(counter, 0)

    def leading(self) -> Term:
        """Wait for a leader that is alive."""
        terms: list[Term] = []

        def leads() -> bool:
            terms[:] = [self._term()]
            return terms[0].name is not None

        wait_until(leads, timeout=PATIENCE_SECONDS, what="a leader")
        return terms[0]

    def kill(self, term: Term) -> None:
        """Kill the leader with -9 and start it again."""
        name = term.leader
        self.cluster.kill(name)
        self.start(name)
        # It may lead again itself, when it is back before the lease of the dead is over.
        wait_until(lambda: self._term().epoch > term.epoch, timeout=PATIENCE_SECONDS, what="another term")

    def freeze(self, term: Term) -> None:
        """Freeze the leader until the other leads."""
        self.cluster.send_signal(term.leader, signal.SIGSTOP)
        self._wait_for_other(term)
        self.cluster.send_signal(term.leader, signal.SIGCONT)

    def part(self, term: Term, mode: Mode) -> None:
        """Cut the leader off from Redis, in one way or another, until the other leads."""
        self._links[term.leader].set(mode)
        self._wait_for_other(term)
        self._links[term.leader].set("open")

    def close(self) -> None:
        for link in self._links.values():
            link.close()
        self._sockets.cleanup()

    def _wait_for_other(self, term: Term) -> None:
        def replaced() -> bool:
            now = self._term()
            return now.epoch > term.epoch and now.name not in {None, term.name}

        wait_until(replaced, timeout=PATIENCE_SECONDS, what=f"another leader than {term.name}")

    def _term(self) -> Term:
        figures = self.cluster.bus.census.figures()
        return Term(self.cluster.name_of(figures.leader), figures.epoch)
