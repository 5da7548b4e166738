"""A duty that repeats: one thread, one step, and a stop that always ends."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

_log = logging.getLogger(__name__)

FIRST_BACKOFF_SECONDS = 0.1
MAX_BACKOFF_SECONDS = 5.0


class Loop:
    """Calls a step again and again in a thread of its own, until it is stopped.

    The step returns the seconds until it wants to be called again; `None` means `interval`. `wake` calls it earlier. A
    step that raises is logged, handed to `on_error` if there is one, and called again after a growing pause of at most
    five seconds, so one bad pass neither ends the duty nor floods the log.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[], float | None],
        *,
        interval: float,
        on_error: Callable[[Exception], None] | None = None,
    ) -> None:
        self.name = name
        self.interval = interval
        self.passes = 0
        """How many steps have ended, well or badly. Tests wait for it to grow."""
        self._step = step
        self._on_error = on_error
        self._guard = threading.Lock()
        self._passed = threading.Condition()
        self._bell = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._failures = 0

    @property
    def running(self) -> bool:
        """Whether its thread is alive."""
        thread = self._thread
        return thread is not None and thread.is_alive()

    def start(self) -> None:
        """Start the thread; does nothing if it runs already. RuntimeError while a stop has not ended yet."""
        with self._guard:
            if self.running:
                if self._stopping.is_set():
                    raise RuntimeError(f"loop {self.name} is still stopping")
                return
            self._stopping = threading.Event()
            self._bell.clear()
            self._thread = threading.Thread(
                target=self._run, args=(self._stopping,), name=f"rota-{self.name}", daemon=True
            )
            self._thread.start()

    def stop(self, timeout: float = 10.0) -> bool:
        """Ask the thread to end and wait for it; return whether it has ended within `timeout` seconds.

        Safe before `start`, when called twice, and from within the step itself (which then doesn't wait for itself).
        """
        with self._guard:
            self._stopping.set()
            self._bell.set()
            thread = self._thread
        if thread is None or thread is threading.current_thread():
            return True
        thread.join(timeout)
        return not thread.is_alive()

    def wake(self) -> None:
        """Call the step as soon as the current pass is over; a wake during a pass is not lost."""
        self._bell.set()

    def wait_for_passes(self, count: int, timeout: float = 10.0) -> bool:
        """Wait until `passes` has reached `count`; return whether it has. Meant for tests."""
        with self._passed:
            return self._passed.wait_for(lambda: self.passes >= count, timeout)

    def _run(self, stopping: threading.Event) -> None:
        while not stopping.is_set():
            self._bell.clear()
            # A stop between the check above and the clear has set `stopping` first: look again before sleeping.
            pause = self._pass()
            if stopping.is_set():
                return
            if pause > 0:
                self._bell.wait(min(pause, threading.TIMEOUT_MAX))

    def _pass(self) -> float:
        try:
            wanted = self._step()
        except Exception as error:  # the duty must outlive any error of one pass
            pause = self._failed(error)
        else:
            self._failures = 0
            pause = self.interval if wanted is None else wanted
        with self._passed:
            self.passes += 1
            self._passed.notify_all()
        return pause

    def _failed(self, error: Exception) -> float:
        pause = min(FIRST_BACKOFF_SECONDS * 2.0 ** min(self._failures, 10), MAX_BACKOFF_SECONDS)
        self._failures += 1
        _log.error(
            "loop step failed",
            exc_info=error,
            extra={"loop": self.name, "failures": self._failures, "pause_seconds": pause},
        )
        if self._on_error is not None:
            try:
                self._on_error(error)
            except Exception:  # a listener must not end the duty either
                _log.exception("loop error listener failed", extra={"loop": self.name})
        return pause
