"""Interrupts a thread that runs a body, and never anything that the thread does before or after it."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from typing import TypeVar

from dramatiq.threading import raise_thread_exception

from workers.stops import Interruption

Answer = TypeVar("Answer")


class Guard:
    """Runs one body in the calling thread, and lets other threads interrupt it while it runs.

    The exception is raised between two Python instructions: a body that waits in C code gets it afterwards.
    """

    __slots__ = ("_lock", "_open", "_sent", "_thread")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread = 0
        self._open = False
        self._sent = False

    def run(self, body: Callable[[], Answer]) -> Answer:
        """Run the body; Interruption is raised if it was interrupted, even in its very last moment."""
        self._thread = threading.get_ident()
        self._open = True
        try:
            try:
                return body()
            finally:
                self._leave()
        except Interruption:
            # It may have hit between the end of the body and the end of `_leave`.
            self._leave()
            raise

    def interrupt(self) -> bool:
        """Interrupt the body; False when none runs any more."""
        with self._lock:
            if not self._open:
                return False
            self._sent = True
            raise_thread_exception(self._thread, Interruption)
            return True

    def _leave(self) -> None:
        with self._lock:
            self._open = False
            if self._sent:
                # What was sent and has not hit yet would hit the caller: take it back.
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._thread), None)
