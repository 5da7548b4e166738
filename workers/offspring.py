"""One place for a child process: who fills it, since when, and when it is filled again."""

from __future__ import annotations

import json
import logging
import os
import secrets
import signal
import socket
import subprocess
import time
from contextlib import suppress
from typing import Any

from workers.figures import Figures, FiguresReader
from workers.processes import python_command

logger = logging.getLogger(__name__)

#: A child that lived so long was healthy: its successor starts at once.
HEALTHY_SECONDS = 10.0
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0


class Offspring:
    """A child and its successors; belongs to the supervisor's thread."""

    def __init__(
        self, number: int, settings: dict[str, Any], *, about: dict[str, str], module: str = "workers.child"
    ) -> None:
        self._number = number
        self.module = module
        self._settings = settings
        self._about = about
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: FiguresReader | None = None
        self._started = 0.0
        self._deaths = 0
        self.worker_id = ""
        self.leaving = ""
        self.exit_code: int | None = None
        #: Monotonic time of the next start; None while the child runs.
        self.start_at: float | None = None
        self._connection: socket.socket | None = None
        #: Whether the child has closed its end of the connection: it has ended, or is about to.
        self.closed = False

    @property
    def pid(self) -> int | None:
        """The number of the process, None unless there is one."""
        return self._process.pid if self._process is not None else None

    @property
    def connection(self) -> socket.socket:
        """The socket to the child that was started last."""
        assert self._connection is not None
        return self._connection

    @property
    def running(self) -> bool:
        """Whether there is a process."""
        return self._process is not None

    def start(self) -> socket.socket:
        """Start a child, and return the socket on which it reports."""
        if self._connection is not None:
            self._connection.close()
        self._connection, theirs = socket.socketpair()
        self.worker_id = f"{socket.gethostname()}-{os.getpid()}.{self._number}-{secrets.token_hex(4)}"
        self.exit_code = self.start_at = None
        self.closed = False
        self._started = time.monotonic()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 -- our own module
                python_command(self.module, str(theirs.fileno()), str(os.getpid())),
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                # Ctrl-C is for the supervisor, which passes it on in its own way.
                start_new_session=True,
            )
        orders = {"settings": self._settings, "worker_id": self.worker_id, "about": self._about}
        with suppress(OSError):
            self.connection.sendall(json.dumps(orders).encode() + b"\n")
        self._reader = FiguresReader(self.connection)
        return self.connection

    def successor(self) -> Offspring:
        """Return a new place with the same number, for while this one's child takes its leave."""
        return Offspring(self._number, self._settings, about=self._about, module=self.module)

    def read(self) -> list[Figures]:
        """Return the figures that have come; sets `closed` when the child has closed its end."""
        came: list[Figures] = []
        if self._reader is None or self.closed:
            return came
        try:
            came.extend(self._reader.read())
        except (EOFError, OSError):
            self.closed = True
        except (ValueError, KeyError, TypeError):
            # It goes on without being counted: its work matters more.
            logger.exception("figures.unreadable", extra={"worker": self.worker_id})
            self.closed = True
        return came

    def ended(self) -> bool:
        """Return whether the child has ended since this was last asked."""
        if self._process is None:
            return False
        self.exit_code = self._process.poll()
        if self.exit_code is None:
            return False
        self._process = None
        return True

    def plan_restart(self) -> None:
        """Set the time of the next start: at once after a healthy life, else after a growing pause."""
        now = time.monotonic()
        self._deaths = 0 if now - self._started >= HEALTHY_SECONDS else self._deaths + 1
        self.start_at = now + self.pause()

    def pause(self) -> float:
        """Return how many seconds pass between the last death and the next start."""
        if self._deaths < 2:
            return 0.0
        return min(FIRST_PAUSE_SECONDS * 2.0 ** min(self._deaths - 2, 10), LONGEST_PAUSE_SECONDS)

    def ask_to_stop(self) -> None:
        """Ask the child to stop in stages; none will follow it."""
        self.start_at = None
        self._signal(signal.SIGTERM)

    def hurry(self) -> None:
        """Tell a child that is stopping to give its tasks no more time."""
        with suppress(OSError):
            self.connection.send(b"hurry")

    def kill(self) -> None:
        """End the child at once."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
