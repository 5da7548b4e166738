"""Keeps the child processes of one worker alive: starts, replaces, recycles and stops them.

It imports none of what they import (12 MB against 60 MB), because it lives longest and does least. A child that dies is
replaced alone, and what it held is given back at once. The children die with the supervisor.
"""

from __future__ import annotations

import json
import logging
import os
import selectors
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from rota.errors import Refused
from rota.logs import configure_logs
from workers.board import Board
from workers.offspring import Offspring
from workers.processes import make_bell, name_process, python_command, resident_bytes

if TYPE_CHECKING:
    from rota.settings import Settings
    from workers.exposition import Exposition

logger = logging.getLogger("workers.supervisor")

#: What a child needs beyond its grace: to interrupt, to give back, to settle, to end its nursery. Each of these ends by
#: itself, all together within this.
MARGIN_SECONDS = 8.0
CHECK_SECONDS = 5.0
WATCHER = "workers.watching"
ENDING_SECONDS = 0.05
KILL_AGAIN_SECONDS = 1.0
_STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What a supervisor has to know; `settings` is what its children are started with."""

    processes: int
    grace_seconds: float
    lease_seconds: float
    redis_url: str
    redis_namespace: str
    metrics_host: str
    metrics_port: int | None
    log_format: str
    log_level: str
    settings: dict[str, Any]

    @classmethod
    def of(cls, settings: dict[str, Any]) -> Orders:
        """Return the orders that settings (as JSON values) amount to."""
        own = {name: settings[name] for name in cls.__slots__ if name != "settings"}
        return cls(**own, settings=settings)


class Supervisor:
    """One worker: `run` blocks until it is told to stop, by a signal or by `stop`.

    Its children die with the thread that calls `run`, so that thread must live as long as they shall.
    """

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._board = Board(self._own_bytes)
        self._exposition: Exposition | None = None
        self._offspring: list[Offspring] = []
        self._watcher: Offspring | None = None
        self._helpers: list[subprocess.Popen[bytes]] = []
        self._asked = 0
        self._forwarded = 0
        self._kill_at: float | None = None
        self._killed = False
        self._selector = selectors.DefaultSelector()
        self._bell, self._ring = make_bell()

    def run(self) -> int:
        """Keep the children alive until a stop is asked for; return 0 when all of them ended in time."""
        self._selector.register(self._bell, selectors.EVENT_READ, None)
        about = self._serve_metrics()
        for number in range(self._orders.processes):
            slot = Offspring(number, self._orders.settings, about=about)
            self._offspring.append(slot)
            self._start(slot)
        while self._offspring:
            self._wait()
            self._look_after()
        if self._exposition is not None:
            self._exposition.close()
        logger.info("worker.stopped")
        return int(self._killed)

    def stop(self) -> None:
        """Ask all children to stop; a second call hurries them, a third kills them. From any thread or signal."""
        self._asked += 1
        with suppress(BlockingIOError):
            os.write(self._ring, b"s")

    def take_signals(self) -> None:
        """Stop on SIGTERM, SIGINT and SIGHUP, and notice at once when a child ends; for the main thread only."""
        signal.set_wakeup_fd(self._ring, warn_on_full_buffer=False)
        for number in _STOPS:
            signal.signal(number, lambda *_: self.stop())
        signal.signal(signal.SIGCHLD, lambda *_: None)

    @property
    def metrics_address(self) -> str | None:
        """Where the metrics are served, None when they are not."""
        return self._exposition.address if self._exposition is not None else None

    def _own_bytes(self) -> int:
        watcher = self._watcher.pid if self._watcher is not None else None
        return resident_bytes() + (resident_bytes(watcher) if watcher is not None else 0)

    def _serve_metrics(self) -> dict[str, str]:
        if self._orders.metrics_port is None:
            return {}
        from workers.exposition import Exposition

        self._exposition = Exposition(self._board.sums, host=self._orders.metrics_host, port=self._orders.metrics_port)
        return {"metrics": self._exposition.address}

    def _start(self, slot: Offspring) -> None:
        try:
            connection = slot.start()
        except OSError as error:
            # Out of processes or memory: the children that run go on, and this one is tried again.
            slot.plan_restart()
            logger.error("child.not_spawned", extra={"error": str(error), "again_in": slot.pause()})  # noqa: TRY400
            return
        self._selector.register(connection, selectors.EVENT_READ, slot)
        event = "watcher.spawned" if slot is self._watcher else "child.spawned"
        logger.info(event, extra={"worker": slot.worker_id, "pid": slot.pid})

    def _wait(self) -> None:
        now = time.monotonic()
        times = [slot.start_at for slot in self._offspring if slot.start_at is not None]
        times += [self._kill_at] if self._kill_at is not None else []
        # Where no signal tells of it, the end of a child is seen a moment after it has closed its socket.
        times += [now + ENDING_SECONDS for slot in self._offspring if slot.closed and slot.running]
        wait = max(0.0, min([now + CHECK_SECONDS, *times]) - now)
        for key, _ in self._selector.select(wait):
            if key.data is None:
                with suppress(BlockingIOError):
                    os.read(self._bell, 4096)
            else:
                self._hear(key.data)

    def _hear(self, slot: Offspring) -> None:
        for figures in slot.read():
            self._board.update(slot.worker_id, figures)
            if figures.leaving and not slot.leaving:
                slot.leaving = figures.leaving
                self._replace(slot)
            if figures.watch and self._watcher is None and not self._asked:
                self._start_watcher()
        if slot.closed:
            self._selector.unregister(slot.connection)

    def _replace(self, slot: Offspring) -> None:
        if self._asked:
            return
        # The successor starts at once, so that nothing waits while this one finishes.
        successor = slot.successor()
        self._offspring.append(successor)
        self._start(successor)

    def _start_watcher(self) -> None:
        # A process like a child: only a child knows whether there is something to watch, and most have nothing.
        self._watcher = Offspring(0, self._orders.settings, about={}, module=WATCHER)
        self._offspring.append(self._watcher)
        self._start(self._watcher)

    def _look_after(self) -> None:
        self._helpers = [helper for helper in self._helpers if helper.poll() is None]
        if self._asked > self._forwarded:
            self._forward()
        if self._kill_at is not None and time.monotonic() >= self._kill_at:
            self._kill()
        for slot in list(self._offspring):
            if slot.ended():
                self._bury(slot)
            if slot.start_at is not None and slot.start_at <= time.monotonic():
                self._start(slot)

    def _forward(self) -> None:
        self._forwarded = self._asked
        now = time.monotonic()
        if self._kill_at is None:
            self._kill_at = now + self._orders.grace_seconds + MARGIN_SECONDS
        elif self._asked > 2:
            self._kill_at = now
        for slot in self._offspring:
            slot.ask_to_stop()
            if self._asked > 1:
                slot.hurry()
        self._offspring = [slot for slot in self._offspring if slot.running]

    def _kill(self) -> None:
        # Again after a while: one that hangs in the kernel ends when the kernel lets go of it.
        self._killed = True
        self._kill_at = time.monotonic() + KILL_AGAIN_SECONDS
        for slot in self._offspring:
            logger.warning("child.killed", extra={"worker": slot.worker_id, "pid": slot.pid})
            slot.kill()

    def _bury(self, slot: Offspring) -> None:
        if slot is self._watcher:
            self._bury_watcher(slot)
            return
        meant = slot.exit_code == 0 and bool(self._asked or slot.leaving)
        for figures in slot.read():
            self._board.update(slot.worker_id, figures)
        self._disconnect(slot)
        reason = slot.leaving or ("crashed" if not meant else None)
        self._board.depart(slot.worker_id, reason)
        level = logging.INFO if meant else logging.ERROR
        logger.log(level, "child.ended", extra={"worker": slot.worker_id, "exit": slot.exit_code, "reason": reason})
        if not meant:
            self._release(slot.worker_id)
        if self._asked or slot.leaving:
            self._offspring.remove(slot)
        else:
            slot.plan_restart()

    def _bury_watcher(self, slot: Offspring) -> None:
        self._disconnect(slot)
        level = logging.ERROR if slot.exit_code else logging.INFO
        logger.log(level, "watcher.ended", extra={"worker": slot.worker_id, "exit": slot.exit_code})
        if slot.exit_code and not self._asked:
            slot.plan_restart()
            return
        # It had nothing to watch any more; another one starts when there is something again.
        self._offspring.remove(slot)
        self._watcher = None

    def _disconnect(self, slot: Offspring) -> None:
        with suppress(KeyError, ValueError):
            self._selector.unregister(slot.connection)
        slot.connection.close()

    def _release(self, worker_id: str) -> None:
        try:
            helper = subprocess.Popen(python_command("workers.release"), stdin=subprocess.PIPE)  # noqa: S603 -- our own
        except OSError as error:
            # Then its leases run out by themselves.
            logger.warning("child.not_released", extra={"worker": worker_id, "error": str(error)})
            return
        assert helper.stdin is not None
        orders = self._orders
        with suppress(OSError), helper.stdin as told:
            told.write(
                json.dumps(
                    {
                        "worker_id": worker_id,
                        "redis_url": orders.redis_url,
                        "redis_namespace": orders.redis_namespace,
                        "lease_seconds": orders.lease_seconds,
                    }
                ).encode()
            )
        self._helpers.append(helper)


def run(settings: Settings) -> NoReturn:
    """Become a supervisor with these settings: this process goes on as a fresh and small one, under the same pid."""
    if settings.redis_url is None:
        raise Refused("a worker needs a Redis: set redis_url, or start `rota up`, which brings its own")
    # Through a pipe, because settings hold passwords, which a command line or a file would show.
    handle, ours = os.pipe()
    os.write(ours, json.dumps(settings.model_dump(mode="json")).encode())
    os.close(ours)
    os.set_inheritable(handle, True)
    sys.stdout.flush()
    sys.stderr.flush()
    command = python_command("workers.supervisor", str(handle))
    os.execv(command[0], command)  # noqa: S606 -- our own module


def main() -> None:
    """Run a supervisor with the settings behind the descriptor that the command line names."""
    with os.fdopen(int(sys.argv[1]), encoding="utf-8") as file:
        orders = Orders.of(json.load(file))
    name_process("rota-worker")
    configure_logs(orders.log_format, orders.log_level)
    supervisor = Supervisor(orders)
    supervisor.take_signals()
    sys.exit(supervisor.run())


if __name__ == "__main__":
    main()
