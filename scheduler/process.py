"""The process `rota scheduler`: builds all parts in one place, and starts and stops them in order.

Any number of schedulers run; one leads, the others stand by with the same loops, which do nothing until their turn.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING

from actors.registry import load_registry
from bus.client import ANSWER_SECONDS
from bus.connection import Bus
from rota.clock import SystemClock
from rota.errors import StoreUnavailable
from rota.ids import new_id
from rota.loop import Loop
from rota.memory import settle
from scheduler.announcing import Announcer
from scheduler.definitions import Definitions
from scheduler.events import Events
from scheduler.jobs.catalogue import Catalogue
from scheduler.leader import Leader
from scheduler.listening.windows import Windows
from scheduler.recorder import Recorder
from scheduler.started import Started
from scheduler.sweeper import Sweeper
from scheduler.tally import Tally
from scheduler.ticks import Ticks
from scheduler.timing.timekeeping import TrustedClock
from scheduler.waiting import Waiting
from scheduler.watched import Watched
from store.engine import Store

if TYPE_CHECKING:
    from rota.settings import Settings

logger = logging.getLogger(__name__)

#: How long the loops may take to end; the longest wait is a read that blocks for a second.
STOP_SECONDS = 5.0
#: Time between two carryings over of the database's log; any process may do it, standbys too.
CHECKPOINT_SECONDS = 1.0
#: Time between two tries to reach a database that is not there yet.
WAIT_SECONDS = 1.0
#: How long a start waits for the database; then it ends, and whoever supervises it starts it again.
PATIENCE_SECONDS = 60.0


class Scheduler:
    """All parts of one scheduler, joined; `start` is as in `scheduler.started`."""

    def __init__(self, settings: Settings, store: Store, bus: Bus, *, start: str | None = None) -> None:
        clock = store.clock
        registry = load_registry(settings.actor_modules)
        for problem in registry.problems:
            logger.error("actors.left_out", extra={"problem": problem})
        tally, catalogue = Tally(), Catalogue(registry)
        owner = f"{socket.gethostname()}-{os.getpid()}-{new_id()[-8:]}"
        self.leader = Leader(bus.leadership, owner, on_change=[self._on_leader], clock=clock)
        shared = (store, bus, catalogue, self.leader)
        windows = Windows(store, bus, catalogue, clock=clock)
        self.ticks = Ticks(*shared, clock=clock, tally=tally, fire_windows=windows.fire)
        # A jump of this machine's clock must not end runs or hide lost tasks either.
        trusted = TrustedClock(self.ticks.now_ms, clock)
        self.announcer = Announcer(*shared, clock=trusted)
        self.definitions = Definitions(store, settings.definitions_dir, self.leader, actors=registry, clock=clock)
        self.events = Events(
            *shared,
            windows=windows,
            definitions_read=self.definitions.read_under,
            now_ms=self.ticks.now_ms,
            clock=clock,
            tally=tally,
        )
        self.recorder = Recorder(*shared, announcer=self.announcer, clock=trusted, tally=tally)
        self.sweeper = Sweeper(*shared, recording=self.recorder.recording, clock=trusted, tally=tally)
        self.waiting = Waiting(*shared, clock=trusted)
        self.watched = Watched(store, bus, self.leader)
        self.started = Started(bus, owner, start=start, clock=clock)
        checkpoints = Loop("checkpoints", store.checkpoint, interval=CHECKPOINT_SECONDS)
        self.loops: tuple[Loop, ...] = (
            checkpoints,
            self.definitions.loop,
            self.ticks.loop,
            self.ticks.bell,
            self.events.loop,
            self.recorder.loop,
            self.announcer.loop,
            self.started.loop,
            self.sweeper.loop,
            self.waiting.loop,
            self.watched.loop,
        )

    def start(self) -> None:
        """Start campaigning and all duties."""
        for loop in self.loops:
            loop.start()
        self.leader.start()

    def stop(self, timeout: float = STOP_SECONDS) -> None:
        """Stop all duties, then give the leadership back; safe before `start` and when called twice."""
        self.ticks.stop_listening()
        for loop in self.loops:
            loop.stop(0)
        # What blocks in Redis holds nothing, and its thread ends with the process.
        for loop in self.loops:
            if loop is not self.ticks.bell:
                loop.stop(timeout)
        self.started.leave()
        self.leader.stop()

    def _on_leader(self, epoch: int | None) -> None:
        self.ticks.on_leader(epoch)
        for loop in self.loops:
            loop.wake()


def run(settings: Settings, *, start: str | None = None) -> int:
    """Run a scheduler until SIGTERM or SIGINT, and return its exit code; `start` is as in `scheduler.started`.

    Raises StoreUnavailable when there is no database for a minute, Refused when it is of a newer version.
    """
    stopping = threading.Event()
    _on_signals(stopping.set)
    store = Store(settings.store_url, clock=SystemClock())
    _upgrade(store, stopping)
    bus = Bus(
        settings.redis_url or "",
        namespace=settings.redis_namespace,
        lease_ms=int(settings.lease_seconds * 1000),
        leader_lease_ms=int(settings.leader_lease_seconds * 1000),
        # Whoever leads again must not have a duty that still waits for an answer which was lost a whole lease ago.
        answer_seconds=min(ANSWER_SECONDS, settings.leader_lease_seconds),
    )
    scheduler = Scheduler(settings, store, bus, start=start)
    _serve_metrics(settings, scheduler.leader, store, bus)
    tune_memory()
    scheduler.start()
    logger.info("scheduler.started", extra={"owner": scheduler.leader.owner})
    stopping.wait()
    scheduler.stop()
    logger.info("scheduler.stopped", extra={"owner": scheduler.leader.owner})
    bus.close()
    store.close()
    return 0


def _upgrade(store: Store, stopping: threading.Event) -> None:
    """Bring the tables to the newest form, waiting for a database that starts at the same time."""
    clock = store.clock
    deadline = clock.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            store.upgrade()
        except StoreUnavailable:
            if stopping.is_set() or clock.monotonic() > deadline:
                raise
            stopping.wait(WAIT_SECONDS)
        else:
            return


def _serve_metrics(settings: Settings, leader: Leader, store: Store, bus: Bus) -> None:
    if settings.metrics_port is None:
        return
    from prometheus_client import CollectorRegistry, start_http_server

    from scheduler.fleet import Fleet

    registry = CollectorRegistry()
    registry.register(Fleet(store, bus, leader))
    try:
        server, _ = start_http_server(settings.metrics_port, settings.metrics_host, registry)
    except OSError:
        if settings.metrics_port == 0:
            raise
        # The worker of this host serves there already, as with `rota up`: nobody must be left without a scheduler.
        logger.warning("metrics.port_taken", extra={"wanted": settings.metrics_port})
        server, _ = start_http_server(0, settings.metrics_host, registry)
    logger.info("metrics.served", extra={"host": settings.metrics_host, "port": server.server_port})


def tune_memory() -> None:
    """Let the collector of cycles look rarely, and never at what is there for good.

    A batch makes thousands of small values that are in no cycle: looking at them took a third of the time of a tick.
    """
    settle()
    gc.set_threshold(50_000, 20, 50)


def _on_signals(stop: Callable[[], None]) -> None:
    def handle(_number: int, _frame: FrameType | None) -> None:
        stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handle)
