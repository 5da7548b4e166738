"""The process that watches local datasources: what changes in their folders becomes events `storage.changed`.

One process of a worker, started while there is something to watch, one thread, one loop: every few seconds it reads
what is to be watched, opens what has come and closes what has gone; in between it waits for the kernel's notices,
gathers them for a moment and publishes them. Notices are hints. Nobody watched before a folder was opened, so then all
of it is told; what is lost with this process is found when its successor opens the folder, or by the schedule.
"""

from __future__ import annotations

import logging
import math
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from rota.changes import EVERYTHING, events_of
from rota.clock import SystemClock
from rota.errors import BusUnavailable
from workers.processes import die_with_parent, make_bell, name_process
from workers.watching_gathering import Gathering
from workers.watching_share import served
from workers.watching_tree import WatchedTree

if TYPE_CHECKING:
    from bus.watched import WatchedFolder
    from rota.clock import Clock
    from rota.events import Event

logger = logging.getLogger("workers.watching")

LOOK_SECONDS = 3.0
#: Pause after each reading of notices, so that the kernel can put equal ones together.
REST_SECONDS = 0.05
RETRY_SECONDS = 1.0
#: How often folders are tried again for which there were no watches.
COMPLETE_SECONDS = 300.0
#: How many looks in a row must find nothing to watch until this process ends: a restart of Redis shall not end it.
EMPTY_LOOKS = 3


class Door(Protocol):
    """What a watcher needs of the bus; both raise BusUnavailable."""

    def folders(self) -> list[WatchedFolder]:
        """Return what is to be watched, wherever it is."""

    def publish(self, events: Sequence[Event]) -> object:
        """Publish events."""


class Watcher:
    """All that is watched on this machine; `run` blocks until a stop is asked for or nothing is to be watched."""

    def __init__(self, door: Door, *, queues: Sequence[str], source: str, clock: Clock) -> None:
        self._door = door
        self._queues = queues
        self._source = source
        self._clock = clock
        self._trees: dict[str, tuple[WatchedFolder, WatchedTree]] = {}
        self._absent: set[str] = set()
        self._gathering = Gathering()
        self._look_at = 0.0
        self._complete_at = clock.monotonic() + COMPLETE_SECONDS
        self._empty = 0
        self._bus_away = False
        self._stopping = False
        self._bell, self._ring = make_bell()

    def run(self) -> None:
        """Watch; then close everything."""
        try:
            while not self._stopping and self._empty < EMPTY_LOOKS:
                self._step()
            self._publish(math.inf)
        finally:
            for name in list(self._trees):
                self._close(name)
            os.close(self._bell)
            os.close(self._ring)

    def stop(self, *_: object) -> None:
        """Ask `run` to return soon; from any thread or signal."""
        self._stopping = True
        with suppress(OSError):
            os.write(self._ring, b"s")

    def _step(self) -> None:
        now = self._clock.monotonic()
        if now >= self._look_at:
            self._look()
            self._look_at = self._clock.monotonic() + LOOK_SECONDS
        self._publish(now)
        due_at = self._gathering.due_at
        wake_at = self._look_at if due_at is None else min(self._look_at, due_at)
        heard = self._wait(max(0.0, wake_at - self._clock.monotonic()))
        for name in heard:
            self._ask(name, lambda tree: tree.changes())
        if heard and not self._stopping:
            time.sleep(REST_SECONDS)

    def _wait(self, seconds: float) -> list[str]:
        """Wait until something happened, and return where; a tree may have another descriptor each time."""
        names = {tree.descriptor: name for name, (_, tree) in self._trees.items()}
        waiting = select.poll()
        for descriptor in (self._bell, *names):
            waiting.register(descriptor, select.POLLIN)
        return [names[descriptor] for descriptor, _ in waiting.poll(seconds * 1000) if descriptor in names]

    def _look(self) -> None:
        """Open and close trees, so that those are watched that are to be, and are here."""
        try:
            wanted = {one.name: one for one in served(self._door.folders(), self._queues)}
        except BusUnavailable as error:
            self._miss_bus(error)
            return
        self._bus_away = False
        self._empty = 0 if wanted else self._empty + 1
        self._absent &= set(wanted)
        for name, (folder, tree) in list(self._trees.items()):
            if wanted.get(name) != folder:
                logger.info("watch.ended", extra={"datasource": name})
                self._close(name)
                self._gathering.forget(name)
            elif not tree.in_place():
                logger.warning("watch.lost", extra={"datasource": name, "root": folder.root})
                self._close(name)
        for name, folder in wanted.items():
            if name not in self._trees:
                self._open(folder)
        if self._clock.monotonic() >= self._complete_at:
            self._complete()

    def _open(self, folder: WatchedFolder) -> None:
        from actors.datasources.globs import Selection

        began = self._clock.monotonic()
        try:
            tree = WatchedTree(folder.name, folder.root, Selection(folder.include, folder.exclude))
        except OSError as error:
            # Told once: it may be on other machines only.
            if folder.name not in self._absent:
                logger.warning(
                    "watch.absent", extra={"datasource": folder.name, "root": folder.root, "error": error.strerror}
                )
            self._absent.add(folder.name)
            return
        self._absent.discard(folder.name)
        self._trees[folder.name] = (folder, tree)
        seconds = round(self._clock.monotonic() - began, 3)
        logger.info("watch.began", extra={"datasource": folder.name, "folders": tree.folders, "seconds": seconds})
        self._note(folder.name, {EVERYTHING})

    def _close(self, name: str) -> None:
        _, tree = self._trees.pop(name)
        tree.close()

    def _complete(self) -> None:
        self._complete_at = self._clock.monotonic() + COMPLETE_SECONDS
        for name in [name for name, (_, tree) in self._trees.items() if tree.partial]:
            self._ask(name, lambda tree: tree.complete())

    def _ask(self, name: str, ask: Callable[[WatchedTree], set[bytes]]) -> None:
        """Note what a tree tells; one that fails is opened anew at the next look."""
        try:
            changed = ask(self._trees[name][1])
        except OSError as error:
            logger.warning("watch.lost", extra={"datasource": name, "error": error.strerror})
            self._close(name)
            return
        if changed:
            self._note(name, changed)

    def _note(self, name: str, changed: Iterable[bytes]) -> None:
        self._gathering.add(name, changed, now=self._clock.monotonic())

    def _publish(self, now: float) -> None:
        """Tell what is due by now; what cannot be told is kept, in bounds, and told later."""
        for name, paths in self._gathering.due(now).items():
            events = events_of(name, paths, source=self._source, at=self._clock.now_ms())
            try:
                self._door.publish(events)
            except BusUnavailable as error:
                self._miss_bus(error)
                self._gathering.put_off(self._clock.monotonic() + RETRY_SECONDS)
                return
            self._bus_away = False
            self._gathering.told(name, events=len(events), now=self._clock.monotonic())

    def _miss_bus(self, error: BusUnavailable) -> None:
        if not self._bus_away:
            logger.warning("watch.bus_away", extra={"error": str(error), "does": "tells later what changes"})
        self._bus_away = True


class _BusDoor:
    """The bus, of which only this much is imported and opened."""

    def __init__(self, url: str, namespace: str) -> None:
        from bus.client import open_client
        from bus.events import EventStream
        from bus.keys import Keys
        from bus.watched import WatchList

        keys = Keys(namespace)
        self._client = open_client(url)
        self.folders = WatchList(self._client, keys).read
        self.publish = EventStream(self._client, keys).publish

    def close(self) -> None:
        self._client.close()


def main() -> None:
    """Watch, with the orders that come through the socket that the command line names."""
    from rota.logs import configure_logs
    from rota.memory import settle
    from workers.orders import read_orders

    supervisor = socket.socket(fileno=int(sys.argv[1]))
    die_with_parent(int(sys.argv[2]))
    name_process("rota-watch")
    settings = read_orders(supervisor)["settings"]
    configure_logs(settings["log_format"], settings["log_level"])
    door = _BusDoor(settings["redis_url"], settings["redis_namespace"])
    source = f"rota/watch/{socket.gethostname()}"
    watcher = Watcher(door, queues=settings["queues"], source=source, clock=SystemClock())
    signal.signal(signal.SIGTERM, watcher.stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    settle()
    watcher.run()
    door.close()


if __name__ == "__main__":
    main()
