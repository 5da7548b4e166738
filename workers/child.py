"""One worker process: builds its parts, runs until it is told to stop or has done its share, and stops in stages."""

from __future__ import annotations

import logging
import os
import selectors
import signal
import socket
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from dramatiq import Worker

from actors.registry import load_registry
from bus.broker import LeaseBroker
from bus.connection import Bus
from rota import metrics as names
from rota.clock import SystemClock
from rota.errors import BusUnavailable
from rota.logs import configure_logs
from rota.loop import Loop
from rota.memory import settle
from rota.settings import Settings
from workers.execute import Executor
from workers.figures import Figures, write_figures
from workers.isolate import Isolation
from workers.middleware.attempts import Attempts
from workers.middleware.control import Control
from workers.middleware.limits import Limits
from workers.middleware.metrics import Metrics
from workers.nursery import Plan
from workers.orders import read_orders
from workers.places import StorePlaces
from workers.processes import die_with_parent, installed_version, make_bell, name_process, resident_bytes
from workers.running import Running
from workers.stages import Stages
from workers.tallies import ThreadTallies
from workers.watching_share import served

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = logging.getLogger("workers.child")

FIGURES_SECONDS = 2.0
"""Time between two reports to the supervisor."""


class Child:
    """The parts of one worker process; `worker_id` names it on the bus, `about` is added to what it says of itself."""

    def __init__(self, settings: Settings, *, worker_id: str, about: Mapping[str, Any]) -> None:
        self.settings = settings
        self.clock = SystemClock()
        self.leaving = ""
        self.registry = load_registry(settings.actor_modules)
        for problem in self.registry.problems:
            logger.error("actors.left_out", extra={"problem": problem})
        self.bus = _open_bus(settings)
        self.running = Running(self.clock)
        self.tallies = ThreadTallies()
        self.broker = LeaseBroker(self.bus, worker_id=worker_id, middleware=[])
        self.metrics = Metrics(self.running, self.tallies, self.clock, counted=self._counted)
        self.attempts = Attempts(self.broker, self.running, self.clock)
        self.control = Control(self.broker, self.running, self.clock)
        default_ms = int(settings.task_timeout_seconds * 1000)
        self.limits = Limits(self.running, self.registry, default_ms=default_ms)
        # In front of the attempts what only looks at their end, behind them what looks at their beginning.
        for middleware in (self.metrics, self.attempts, self.control, self.limits):
            self.broker.add_middleware(middleware)
        self.places = StorePlaces(settings.store_url, settings.search_place)
        plan = Plan(actor_modules=settings.actor_modules, store_url=settings.store_url, search=settings.search_place)
        self.isolation = Isolation(
            plan, max_bytes=settings.isolate_max_bytes, idle_seconds=settings.isolate_idle_seconds
        )
        executor = Executor(self.broker, self.running, places=self.places, isolation=self.isolation, clock=self.clock)
        executor.declare(self.registry.values())
        for queue in settings.queues:
            # One of its own, of the datasources of a site: any actor's messages may come through it.
            self.broker.declare_queue(queue)
        self.worker = Worker(
            self.broker, queues=set(settings.queues) or None, worker_threads=settings.threads, worker_timeout=1_000
        )
        self._watch = False
        self._stopping = False
        self._about = {**about, **self._fixed_about()}
        self.broker.listeners.about.append(self._say_about)

    @property
    def queues(self) -> tuple[str, ...]:
        """The queues that are served."""
        return self.settings.queues or self.registry.queues()

    def start(self) -> None:
        """Begin to take messages."""
        self.running.watch((self.attempts.report, self.limits.check, self.control.press))
        settle()
        self.worker.start()

    def stop(self, stages: Stages) -> None:
        """Stop in stages; a child that leaves by itself lets its tasks finish as far as the grace allows."""
        self._stopping = True
        grace = self.settings.grace_seconds
        stages.stop(grace=grace, finish=grace / 2 if self.leaving else None)
        self.isolation.close()
        self.places.close()
        with suppress(BusUnavailable):
            # It holds nothing any more; without this it would be listed as alive until its last lease would have ended.
            self.bus.reaper.release_worker(self.broker.worker_id)
        self.bus.close()

    def figures(self) -> Figures:
        """Return what the supervisor wants to know."""
        resident = resident_bytes() + self.isolation.resident_bytes()
        # One that has done nothing yet was born larger than it may be: its successor would be no smaller.
        if 0 < self.settings.child_max_bytes < resident and self.metrics.attempts and not self.leaving:
            self.leaving = "memory"
        gauges = {
            names.BUSY_THREADS.name: float(len(self.running)),
            names.THREADS.name: float(self.settings.threads),
            names.RESIDENT_MEMORY.name: float(resident),
        }
        counted = self.tallies.snapshot()
        return Figures(counted=counted, gauges=gauges, leaving=self.leaving, watch=self._has_to_watch())

    def _has_to_watch(self) -> bool:
        """Say whether there is something to watch, as it was known last; the bus is not asked any more at the end."""
        if self.settings.watch and not self._stopping:
            with suppress(BusUnavailable):
                self._watch = bool(served(self.bus.watched.read(), self.settings.queues))
        return self._watch

    def _counted(self, attempts: int) -> None:
        if attempts == self.settings.child_max_tasks:
            self.leaving = "tasks"
            os.kill(os.getpid(), signal.SIGUSR2)

    def _fixed_about(self) -> dict[str, Any]:
        return {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "queues": self.queues,
            "version": installed_version("rota"),
            "started_at": self.clock.now_ms(),
        }

    def _say_about(self) -> dict[str, Any]:
        return {**self._about, "busy": len(self.running), "resident_bytes": resident_bytes()}


class Process:
    """What the operating system and the supervisor have to do with a child: signals, the socket, the exit."""

    def __init__(self, supervisor: socket.socket) -> None:
        self._supervisor = supervisor
        self._bell, self._ring = make_bell()
        self._asked = self._hurried = False
        self._selector = selectors.DefaultSelector()

    def prepare(self) -> None:
        """Take the signals; from here on a stop is remembered, whatever else is going on."""
        signal.set_wakeup_fd(self._ring, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, self._ask)
        # Ctrl-C is for the supervisor, which asks us in its own way; SIGUSR2 only wakes the loop.
        for number in (signal.SIGINT, signal.SIGUSR2):
            signal.signal(number, lambda *_: None)
        self._selector.register(self._bell, selectors.EVENT_READ)
        self._selector.register(self._supervisor, selectors.EVENT_READ)

    def run(self, child: Child) -> None:
        """Run the child until it is to end, then end it."""
        telling = Loop("figures", lambda: self._tell(child), interval=FIGURES_SECONDS)
        stages = Stages(
            child.worker,
            child.broker,
            child.running,
            control=child.control,
            attempts=child.attempts,
            clock=child.clock,
            pause=self.pause,
            hurried=lambda: self._hurried,
        )
        child.start()
        telling.start()
        logger.info("child.started", extra={"worker": child.broker.worker_id, "queues": ",".join(child.queues)})
        while not self._asked and not child.leaving:
            self.pause(FIGURES_SECONDS)
        # A replacement can start while this one still lets its tasks finish.
        telling.wake()
        logger.info("child.stopping", extra={"worker": child.broker.worker_id, "running": len(child.running)})
        child.stop(stages)
        telling.stop(1.0)
        with suppress(OSError):
            self._tell(child)
        logger.info("child.stopped", extra={"worker": child.broker.worker_id})

    def pause(self, seconds: float) -> None:
        """Sleep until a signal comes or the time is over; ends the process when the supervisor is gone."""
        for key, _ in self._selector.select(seconds):
            if key.fd == self._bell:
                with suppress(BlockingIOError):
                    os.read(self._bell, 4096)
            elif not self._supervisor.recv(4096):
                # Nobody would restart or stop us any more. Leases run out by themselves.
                os._exit(1)
            else:
                # Whatever is said after the orders says: hurry.
                self._asked = self._hurried = True

    def _ask(self, *_: object) -> None:
        # As often as it comes: systemd tells every process of a unit, and then the supervisor passes it on.
        self._asked = True

    def _tell(self, child: Child) -> None:
        write_figures(self._supervisor, child.figures())


def main() -> None:
    """Run a child at the other end of the socket that the command line names."""
    supervisor = socket.socket(fileno=int(sys.argv[1]))
    die_with_parent(int(sys.argv[2]))
    name_process("rota-child")
    process = Process(supervisor)
    process.prepare()
    orders = read_orders(supervisor)
    settings = Settings(**orders["settings"])
    configure_logs(settings.log_format, settings.log_level)
    child = Child(settings, worker_id=orders["worker_id"], about=orders["about"])
    process.run(child)
    logging.shutdown()
    # Not by the ordinary way out: it would wait for threads that are stuck.
    os._exit(0)


def _open_bus(settings: Settings) -> Bus:
    return Bus(
        settings.redis_url or "",
        namespace=settings.redis_namespace,
        lease_ms=int(settings.lease_seconds * 1000),
        heartbeat_ms=int(settings.heartbeat_seconds * 1000),
        leader_lease_ms=int(settings.leader_lease_seconds * 1000),
    )


if __name__ == "__main__":
    main()
