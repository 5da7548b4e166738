"""A thread of its own that extends leases, so that a busy worker is never taken for a dead one."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

import msgspec

from rota.errors import BusUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from bus.scripts import Scripts

logger = logging.getLogger(__name__)

#: Leases extended in one call.
BATCH = 250


class Heartbeat:
    """Lists, every heartbeat, what the worker knows it holds.

    `holdings()` returns (id, fence) pairs; what it leaves out is not extended and so comes back to its queue.
    `lost(id)` is called for a lease that is gone, `asked(kind, id)` for a task that shall stop. In between, once a
    second, it reaps: any living worker frees what a dead one held.
    """

    def __init__(
        self,
        scripts: Scripts,
        worker_id: str,
        lease_ms: int,
        heartbeat_ms: int,
        *,
        holdings: Callable[[], Sequence[tuple[str, int]]],
        about: Callable[[], dict[str, Any]],
        lost: Callable[[str], None],
        asked: Callable[[str, str], None],
        reap: Callable[[], int],
    ) -> None:
        self._scripts = scripts
        self._worker = worker_id
        self._lease_ms = lease_ms
        self._period = heartbeat_ms / 1000
        self._holdings = holdings
        self._about = about
        self._lost = lost
        self._asked = asked
        self._reap = reap
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        #: Monotonic time at which the last heartbeat that was answered had been sent.
        self.confirmed = time.monotonic()

    def start(self) -> None:
        """Beat once, so that the worker is known before it holds anything, then go on in the thread."""
        try:
            self.beat()
        except BusUnavailable as error:
            logger.warning("heartbeat.missed", extra={"error": str(error)})
        self._thread.start()

    def stop(self) -> None:
        """Stop; safe to call twice."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def beat(self) -> None:
        """Send one heartbeat. Raises BusUnavailable."""
        sent = time.monotonic()
        held = list(self._holdings())
        about = msgspec.json.encode(self._about())
        for start in range(0, max(1, len(held)), BATCH):
            pairs = [value for pair in held[start : start + BATCH] for value in pair]
            answer = self._scripts.run("heartbeat", [self._worker, self._lease_ms, about, *pairs])
            self._hear([word.decode() for word in answer])
            about = b""
        self.confirmed = sent

    def _hear(self, answer: list[str]) -> None:
        border = answer.index("")
        for name in answer[:border]:
            self._lost(name)
        asked = answer[border + 1 :]
        for name, kind in zip(asked[::2], asked[1::2], strict=True):
            self._asked(kind, name)

    def _run(self) -> None:
        period = self._period
        # Reaping is cheap and helps everybody, but an idle fleet should not hammer Redis.
        rest = min(period, 1.0)
        due = time.monotonic() + period
        while not self._stopping.wait(rest):
            try:
                if time.monotonic() >= due:
                    due = time.monotonic() + period
                    self.beat()
                self._reap()
            except BusUnavailable as error:
                logger.warning("heartbeat.missed", extra={"error": str(error)})
            except Exception:
                # A heartbeat that dies in silence would cost every lease of this worker.
                logger.exception("heartbeat.failed")
