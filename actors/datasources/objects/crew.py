"""Threads that list stretches of a bucket together, and what they found, waiting for the caller; bounded both."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from actors.datasources.objects.grouping import Gathered

_AHEAD = 4  # parcels that wait for the caller, for each thread
_CHECK_SECONDS = 0.5
_JOIN_SECONDS = 1.0


class Over(Exception):
    """Raised in a thread of the crew when the scan is over."""


@dataclass(slots=True)
class Branch:
    """A folder that was asked for, and what has been found of it."""

    path: bytes
    stretches: int = 1
    """How many of its stretches are not yet at their end; changed under the crew's lock."""
    shared: dict[bytes, Gathered | None] = field(default_factory=dict)
    """Folders that lie in several stretches, with what came of them so far."""
    found: bool = False
    """Whether there is a key below it."""
    ended: bool = False
    """Whether the caller has had all of it."""


@dataclass(slots=True)
class Stretch:
    """Keys of a branch from one key on, up to another."""

    branch: Branch
    start: bytes = b""
    stop: bytes = b""


@dataclass(frozen=True, slots=True)
class Parcel:
    """What a page completed."""

    branch: Branch
    folders: list[Gathered]
    final: bool
    """Whether it is the last one of its branch."""


class Crew:
    """The threads of one scan."""

    def __init__(self, work: Callable[[Stretch, Crew], None], paths: Sequence[bytes], *, threads: int) -> None:
        """Begin: `work` lists a stretch, in one of the threads. `close` ends it."""
        self.branches = [Branch(path) for path in paths]
        self._list = work
        self._most = threads
        self._wake = threading.Condition()
        self._waiting = deque(Stretch(branch) for branch in self.branches)
        self._parcels: deque[Parcel] = deque()
        self._error: BaseException | None = None
        self._stopped = False
        self._busy = 0
        self._threads: list[threading.Thread] = []
        with self._wake:
            self._hire()

    def parcels(self, check: Callable[[], None] = lambda: None) -> Iterator[list[Parcel]]:
        """Give what came in, at least one parcel at a time, until all is listed; raises what a thread failed with.

        `check` is called while it waits.
        """
        while True:
            with self._wake:
                while not self._parcels and self._error is None and (self._busy or self._waiting):
                    if not self._wake.wait(_CHECK_SECONDS):
                        check()
                if self._error is not None:
                    raise self._error
                if not self._parcels:
                    return
                came = list(self._parcels)
                self._parcels.clear()
                self._wake.notify_all()
            yield came

    def close(self) -> None:
        """Stop the threads, and wait a second for them; those that wait for an answer end when it comes."""
        with self._wake:
            self._stopped = True
            self._wake.notify_all()
        until = time.monotonic() + _JOIN_SECONDS
        for thread in self._threads:
            thread.join(timeout=max(0.0, until - time.monotonic()))

    def hand_in(self, branch: Branch, folders: list[Gathered], *, last: bool = False) -> None:
        """Leave for the caller what a page completed, and wait while much is there; `last` ends the stretch."""
        with self._wake:
            while len(self._parcels) >= _AHEAD * self._most and not self._stopped:
                self._wake.wait()
            branch.stretches -= last
            self._parcels.append(Parcel(branch, folders, final=not branch.stretches))
            self._wake.notify_all()
        self.check()

    def idle(self) -> int:
        """Say how many threads have nothing to do."""
        with self._wake:
            return 0 if self._waiting else self._most - self._busy

    def share(self, branch: Branch, folders: Sequence[bytes], stretches: Sequence[Stretch]) -> None:
        """Take stretches that were cut off another one, in whose open folders they begin."""
        with self._wake:
            for folder in folders:
                branch.shared.setdefault(folder, None)
            branch.stretches += len(stretches)
            self._waiting += stretches
            self._hire()

    def check(self) -> None:
        """Raise when the scan is over."""
        if self._stopped:
            raise Over

    def _hire(self) -> None:
        while len(self._threads) < min(self._most, len(self._waiting) + self._busy):
            thread = threading.Thread(target=self._work, name="rota-objects", daemon=True)
            self._threads.append(thread)
            thread.start()
        self._wake.notify_all()

    def _work(self) -> None:
        while True:
            with self._wake:
                while not self._waiting and self._busy and not self._stopped:
                    self._wake.wait()
                if self._stopped or not self._waiting:
                    return
                stretch = self._waiting.popleft()
                self._busy += 1
            error: BaseException | None = None
            try:
                self._list(stretch, self)
            except Over:
                pass
            except BaseException as raised:
                error = raised
            with self._wake:
                self._busy -= 1
                self._error = self._error or error
                self._stopped = self._stopped or error is not None
                self._wake.notify_all()
