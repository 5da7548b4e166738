"""Collects what workers report and settles it in batches, one script call for many messages."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rota.errors import BusUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from bus.scripts import Scripts

logger = logging.getLogger(__name__)

#: Items settled in one call.
BATCH = 128
#: How long an item may wait for company, in seconds. Ten times less than anyone notices.
LINGER = 0.002
#: Items that may wait while Redis is away, before workers stop taking more.
MOST_WAITING = 10_000
#: Items from which on mere reports had better wait: it is more than one second of them.
CROWDED = 2_000
#: Entries the outcomes stream may hold before mere reports (progress, log lines) are dropped and counted.
MOST_REPORTED = 100_000


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a settle call; see scripts/settle.lua for what the fields mean."""

    id: str
    fence: int
    action: str
    outcome: bytes = b""
    header: str = ""
    body: bytes = b""
    delay_ms: int = 0


class Settler:
    """A thread that settles. `refused(id)` is called for each item whose lease was gone.

    A batch whose answer was lost is sent again under the same number, and the script answers it from memory.
    """

    def __init__(self, scripts: Scripts, worker_id: str, refused: Callable[[str], None]) -> None:
        self._scripts = scripts
        self._worker = worker_id
        self._refused = refused
        self._items: list[Item] = []
        self._changed = threading.Condition()
        self._busy = False
        self._urgent = False
        self._stopping = False
        self._number = 0
        self._thread = threading.Thread(target=self._run, name="settler", daemon=True)

    def start(self) -> None:
        """Start settling."""
        self._thread.start()

    def put(self, item: Item, *, urgent: bool = False) -> None:
        """Add an item; blocks while too many wait, so that memory stays bounded when Redis is away."""
        with self._changed:
            while len(self._items) >= MOST_WAITING and not self._stopping:
                self._changed.wait(1.0)
            self._items.append(item)
            if urgent:
                self._urgent = True
            if len(self._items) == 1 or urgent or len(self._items) == BATCH:
                self._changed.notify_all()

    @property
    def crowded(self) -> bool:
        """Whether many items wait, as they do when Redis is away."""
        return len(self._items) >= CROWDED

    def flush(self, timeout: float) -> bool:
        """Wait until everything added so far is settled; False when that took longer than `timeout` seconds."""
        with self._changed:
            self._urgent = True
            self._changed.notify_all()
            return self._changed.wait_for(lambda: not self._items and not self._busy, timeout)

    def stop(self, timeout: float) -> bool:
        """Settle what is there, then stop; False when Redis could not be reached in time."""
        clean = self.flush(timeout)
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join(timeout=5)
        return clean

    def _run(self) -> None:
        while True:
            batch = self._next_batch()
            if not batch:
                return
            self._settle(batch)
            with self._changed:
                self._busy = False
                self._changed.notify_all()

    def _next_batch(self) -> list[Item]:
        with self._changed:
            self._changed.wait_for(lambda: bool(self._items) or self._stopping)
            if self._stopping:
                return []
            if not self._urgent and len(self._items) < BATCH:
                # Company makes a call cheaper: a no-op is settled for a twentieth of a call.
                self._changed.wait_for(lambda: self._urgent or len(self._items) >= BATCH or self._stopping, LINGER)
            batch, self._items = self._items[:BATCH], self._items[BATCH:]
            self._busy = True
            if not self._items:
                self._urgent = False
            return batch

    def _settle(self, batch: list[Item]) -> None:
        try:
            refused = self._call(batch)
        except Exception:
            # Nothing one item says may stop the thread: every later one would wait for ever, its lease kept alive.
            logger.exception("settle.failed", extra={"items": len(batch)})
            if len(batch) > 1:
                for item in batch:
                    self._settle([item])
            return
        for name in refused:
            self._refused(name)

    def _call(self, batch: list[Item]) -> list[str]:
        self._number += 1
        arguments: list[object] = [self._worker, self._number, MOST_REPORTED]
        for item in batch:
            arguments += (item.id, item.fence, item.action, item.outcome, item.header, item.body, item.delay_ms)
        pause = 0.05
        while True:
            try:
                return [name.decode() for name in self._scripts.run("settle", arguments)]
            except BusUnavailable as error:
                if self._stopping:
                    # The leases run out and others take over; nothing was promised yet.
                    logger.warning("settle.given_up", extra={"items": len(batch), "error": str(error)})
                    return []
                logger.warning("settle.retried", extra={"items": len(batch), "error": str(error)})
                time.sleep(pause)
                pause = min(pause * 2, 1.0)
