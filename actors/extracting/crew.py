"""The reading processes of a worker: started when they are needed, replaced when they are worn, all ended together."""

from __future__ import annotations

import select
import time
from collections.abc import Sequence
from typing import Any

from actors.extracting.extractor import Limits
from actors.extracting.feeding import Errand
from actors.extracting.reader import Death, Reader
from actors.extracting.registry import Registry
from rota.errors import TemporaryError

_FEW = 16  # files that a process still has when it gets more
_BUSY_SECONDS = 0.2  # without a pause, until another is started: less is not worth what a start costs
_START_SECONDS = 60.0
_MOST_START_FAILURES = 3
_MOST_ANSWERED = 20_000  # libraries leak; a start costs less than a tenth of a second
_MOST_RESIDENT = 256 * 1024 * 1024


class Crew:
    """At most so many reading processes; whoever has it closes it."""

    def __init__(self, registry: Registry, limits: Limits, *, processes: int) -> None:
        """None is started yet."""
        self.confinement = ""
        """How they are confined, for people; empty until one has started."""
        self._registry = registry
        self._limits = limits
        self._processes = processes
        self._readers: dict[int, Reader] = {}
        self._poll = select.poll()
        self._start_failures = 0
        self._busy_since = 0.0

    @property
    def readers(self) -> Sequence[Reader]:
        """Those that there are now."""
        return list(self._readers.values())

    @property
    def has_room(self) -> bool:
        """Whether one can be handed files now, and would have to wait for them otherwise."""
        return self._may_start() or self._least_busy() is not None

    def begin(self) -> None:
        """Start the first one ahead, if none is there, so that it is ready when files come.

        Raises TemporaryError if it cannot be started.
        """
        if not self._readers:
            self._start()

    def hand(self, errands: Sequence[Errand[Any]]) -> None:
        """Hand files to the one with the least to do, or to a new one if all are busy; only while there is room.

        Raises TemporaryError if a process cannot be started, or handed a file.
        """
        reader = self._least_busy()
        if reader is not None and not reader.unanswered and _is_worn(reader):
            self.remove(reader)
            reader = None
        if reader is None or (reader.unanswered and self._may_start()):
            reader = self._start()
        if not any(each.unanswered for each in self._readers.values()):
            self._busy_since = time.monotonic()
        try:
            reader.ask(errands)
        except OSError as error:
            raise TemporaryError(f"cannot hand a file over to be read: {error.strerror or error}") from error

    def ready(self, seconds: float) -> tuple[list[tuple[Reader, int]], list[Reader]]:
        """Wait until some have something to tell or to take; gives them with their events, and those that are overdue.

        Only one from which nothing waits to be read is overdue: its time may have run out while nobody looked.
        """
        for number, reader in self._readers.items():
            self._poll.register(number, select.POLLIN | (select.POLLOUT if reader.has_to_send else 0))
        ready = self._poll.poll(seconds * 1000)
        quiet = self._readers.keys() - {number for number, _ in ready}
        overdue = [reader for number in quiet if self.is_overdue(reader := self._readers[number])]
        return [(self._readers[number], event) for number, event in ready], overdue

    def is_overdue(self, reader: Reader) -> bool:
        """Whether it has told nothing for longer than it may take."""
        silent = time.monotonic() - reader.heard
        if not reader.has_started:
            return silent > _START_SECONDS
        return bool(reader.unanswered) and silent > self._limits.seconds

    def has_started(self, reader: Reader) -> None:
        """Take note that this one reads files."""
        self.confinement = reader.confinement
        self._start_failures = 0

    def remove(self, reader: Reader) -> Death:
        """End one, and give how it ended."""
        self._poll.unregister(reader.fileno())
        del self._readers[reader.fileno()]
        return reader.end()

    def could_not_start(self, death: Death) -> None:
        """Take note that one ended before it had begun; raises TemporaryError when one after the other does."""
        self._start_failures += 1
        if self._start_failures >= _MOST_START_FAILURES:
            raise TemporaryError(f"processes that read files end before they begin (exit code {death.code})")

    def close(self) -> None:
        """End all of them, whatever they do; twice is fine."""
        for reader in self.readers:
            reader.end()
        self._readers.clear()
        self._poll = select.poll()

    def _least_busy(self) -> Reader | None:
        fitting = [reader for reader in self._readers.values() if _takes_more(reader)]
        return min(fitting, key=lambda reader: len(reader.unanswered), default=None)

    def _may_start(self) -> bool:
        """Whether another one may be started: the first, or when the others are busy and stay so."""
        if len(self._readers) >= self._processes:
            return False
        if not all(reader.unanswered for reader in self._readers.values()):
            return False
        return not self._readers or time.monotonic() - self._busy_since >= _BUSY_SECONDS

    def _start(self) -> Reader:
        try:
            reader = Reader(self._registry, self._limits)
        except OSError as error:
            raise TemporaryError(f"cannot start a process that reads files: {error.strerror or error}") from error
        self._readers[reader.fileno()] = reader
        self._poll.register(reader.fileno())
        return reader


def _takes_more(reader: Reader) -> bool:
    if not reader.unanswered:
        return True
    return len(reader.unanswered) <= _FEW and not reader.has_to_send and not _is_worn(reader)


def _is_worn(reader: Reader) -> bool:
    return reader.answered >= _MOST_ANSWERED or reader.resident_bytes() > _MOST_RESIDENT
