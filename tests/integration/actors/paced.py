"""Lets one process go no further than another one has seen, however slow either of them is."""

from __future__ import annotations

import fcntl
import os
import termios
import threading
from pathlib import Path
from types import TracebackType

_EACH_STEPS = 50


class Reins:
    """Held by the process that looks on: each `loosen` lets the other one do a little more."""

    def __init__(self, place: Path) -> None:
        self.place = place
        if not place.exists():
            os.mkfifo(place)

    def __enter__(self) -> Reins:
        self._tokens = os.open(self.place, os.O_RDWR | os.O_NONBLOCK)
        return self

    def loosen(self) -> None:
        """Let it go on, unless it has not used up what it was given before."""
        unused = bytearray(4)
        fcntl.ioctl(self._tokens, termios.FIONREAD, unused)
        if not any(unused):
            os.write(self._tokens, b".")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._tokens)


class Pace:
    """Asked at each step of the process that is held, in any of its threads: waits until it may do more."""

    def __init__(self, place: str, each_bytes: int) -> None:
        self._tokens = os.open(place, os.O_RDONLY)
        self._each_bytes = each_bytes
        self._until = self._steps = 0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Wait while all steps are done, or all bytes written, that may be."""
        with self._lock:
            written = io_bytes("wchar")
            if not self._steps or written >= self._until:
                os.read(self._tokens, 1)
                self._steps, self._until = _EACH_STEPS, written + self._each_bytes
            self._steps -= 1


def io_bytes(name: str) -> int:
    """Give how much this process has read (`rchar`) or written (`wchar`)."""
    return int(Path("/proc/self/io").read_text().split(f"{name}: ")[1].split()[0])
