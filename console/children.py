"""The processes that `rota up` keeps alive: started, restarted with a growing pause, stopped in time."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

_PR_SET_PDEATHSIG = 1
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 30.0
_HEALTHY_SECONDS = 60.0  # a part that lived this long starts again without a pause


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What is to run: `grace` is how many seconds it gets to stop, `handles` the files it inherits."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    grace: float
    handles: tuple[int, ...] = ()


class Child:
    """One process and its restarts. Not thread-safe: it belongs to the thread that starts it, which must outlive it.

    The system kills the process when that thread ends, however it ends; so nothing is left behind by `kill -9`.
    """

    def __init__(self, part: Part, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.part = part
        self.start_at: float | None = None
        """Monotonic time of the next start; None while it runs or when it was stopped."""
        self._monotonic = monotonic
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._pause = _FIRST_PAUSE

    @property
    def pid(self) -> int | None:
        """The number of the process, None unless it runs."""
        process = self._process
        return None if process is None else process.pid

    def start(self) -> None:
        """Start the process. Raises OSError when that is not possible."""
        self.start_at = None
        self._started = self._monotonic()
        command = [sys.executable, "-m", *self.part.arguments]
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and modules
            command,
            env=dict(self.part.environment),
            stdin=subprocess.DEVNULL,
            pass_fds=self.part.handles,
            # Ctrl-C is for the supervisor, which stops the parts in their order.
            start_new_session=True,
            # Only a prepared C call and getppid run between fork and exec; neither takes a lock.
            preexec_fn=_die_with_parent(os.getpid()),  # noqa: PLW1509
        )

    def ended(self) -> int | None:
        """Return the exit code if the process has ended since it was last asked, and plan the next start."""
        process = self._process
        code = None if process is None else process.poll()
        if code is None:
            return None
        self._process = None
        now = self._monotonic()
        if now - self._started >= _HEALTHY_SECONDS:
            self._pause = _FIRST_PAUSE
        self.start_at = now + self._pause
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)
        return code

    def ask_to_stop(self) -> None:
        """Send SIGTERM; nothing happens if it does not run."""
        self.start_at = None
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self.start_at = None
        self._signal(signal.SIGKILL)

    def wait(self, timeout: float) -> bool:
        """Wait until it is gone, at most `timeout` seconds; return whether it is."""
        if self._process is None:
            return True
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout)
            self._process = None
            return True
        return False

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)


def exit_words(code: int) -> str:
    """Return how a process ended, in words: `stopped with exit code 1`, `was killed by SIGKILL`."""
    if code >= 0:
        return f"stopped with exit code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"


def _die_with_parent(parent: int) -> Callable[[], None] | None:
    """Return what a child does before it becomes the part: ask to be killed when its parent dies."""
    if sys.platform != "linux":
        return None
    # Loaded before the fork: loading takes locks that another thread may hold at that moment.
    prctl = ctypes.CDLL(None).prctl

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != parent:  # died in between: nobody will send the signal any more
            os._exit(1)

    return ask
