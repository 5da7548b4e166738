"""Lends things that only one thread may use at a time, such as connections: a bounded number, made when needed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from rota.errors import PermanentError, TemporaryError

T = TypeVar("T")


class Lender(Generic[T]):
    """Makes at most so many things, and lends each to one borrower at a time, the one used last first."""

    def __init__(self, make: Callable[[], T], dispose: Callable[[T], None], *, most: int, seconds: float) -> None:
        """Keep in mind how to make and dispose of one; a borrower waits so many seconds at most."""
        self._make = make
        self._dispose = dispose
        self._seconds = seconds
        self._free = threading.BoundedSemaphore(most)
        self._lock = threading.Lock()
        self._idle: list[T] = []
        self._is_closed = False

    def borrow(self) -> T:
        """Give one that nobody else has; raises what making one raises, TemporaryError if none comes free in time."""
        if not self._free.acquire(timeout=self._seconds):
            raise TemporaryError(f"all connections were in use for {self._seconds:g} s")
        try:
            return self._taken()
        except BaseException:
            self._free.release()
            raise

    def _taken(self) -> T:
        with self._lock:
            if self._is_closed:
                raise PermanentError("the storage is closed")
            if self._idle:
                return self._idle.pop()
        return self._make()

    def give_back(self, thing: T, *, broken: bool = False) -> None:
        """Take one back, and dispose of it if it is broken or no longer needed."""
        with self._lock:
            is_kept = not broken and not self._is_closed
            if is_kept:
                self._idle.append(thing)
        try:
            if not is_kept:
                self._dispose(thing)
        finally:
            self._free.release()

    def close(self) -> None:
        """Dispose of what is idle now, and of each other one when it comes back; twice is fine."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for thing in idle:
            self._dispose(thing)
