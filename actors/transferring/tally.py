"""Counts what a run does to files, and what went wrong with them, from several threads."""

# ruff: noqa: G004 -- the log of a run takes finished text and is no logging.Logger
from __future__ import annotations

import threading
import time
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Generic, Protocol, TypeVar

from actors.datasources.paths import text_of
from actors.datasources.retrying import is_temporary
from actors.run import Run
from rota.errors import PermanentError, TemporaryError

_INTERVAL_SECONDS = 0.3
_MOST_LINES = 1000
_MOST_IN_A_ROW = 20


@dataclass(slots=True)
class Counts:
    """What every such run counts, all attempts together; others add fields of their own."""

    bytes: int = 0
    folders: int = 0
    verified: int = 0
    skipped: int = 0


C = TypeVar("C", bound=Counts)


class CopyTally(Protocol):
    """What the copying of files tells of itself."""

    def moved(self, size: int) -> None:
        """Count bytes that were read to be copied."""

    def spared(self, size: int) -> None:
        """Count bytes that need not be read any more."""

    def add(self, **counts: int) -> None:
        """Count what was done."""


class Tally(Generic[C]):
    """The counts of a run, its failures, and its progress. Safe in several threads."""

    deed: str
    """What it does, as in "not everything was …"."""

    def __init__(self, run: Run, *, counts: C, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin to count from what earlier attempts did."""
        self.run = run
        self.counts = counts
        self.failed = 0
        self._clock = clock
        self._lock = threading.Lock()
        self._started = self._reported = clock()
        self._moved = self._spared = 0
        self._first: BaseException | None = None
        self._first_message = ""
        self._lasting = False
        self._in_a_row = 0

    @abstractmethod
    def report(self, *, ended: bool = False) -> None:
        """Tell how far it is."""

    def moved(self, size: int) -> None:
        """Count bytes that were read to be copied."""
        with self._lock:
            self._moved += size
        self.tick()

    def spared(self, size: int) -> None:
        """Count bytes that need not be read any more."""
        with self._lock:
            self._spared += size
        self.tick()

    def add(self, **counts: int) -> None:
        """Count what was done."""
        with self._lock:
            self._in_a_row = 0
            self._count(counts)

    def skip(self, path: bytes, why: str) -> None:
        """Count and tell what is left alone on purpose."""
        with self._lock:
            self._count({"skipped": 1})
            tells = self.counts.skipped <= _MOST_LINES
        if tells:
            self.run.log.warning(f"{text_of(path)!r} is left out: {why}")

    def fail(self, path: bytes, error: BaseException) -> None:
        """Count and tell what went wrong although the rest goes on.

        Raises TemporaryError after 20 temporary failures without a success between: then it is no single file's.
        """
        message = f"{text_of(path)!r}: {_said(error)}"
        with self._lock:
            self.failed += 1
            self._lasting |= not is_temporary(error)
            self._in_a_row = self._in_a_row + 1 if is_temporary(error) else 0
            if self._first is None:
                self._first, self._first_message = error, message
            in_a_row, tells = self._in_a_row, self.failed <= _MOST_LINES
        if tells:
            self.run.log.error(message)
        if in_a_row >= _MOST_IN_A_ROW:
            raise TemporaryError(f"{in_a_row} files in a row failed, the last: {message}") from error

    def raise_failures(self) -> None:
        """Raise for what went wrong: TemporaryError if all of it may get better, else PermanentError."""
        if self._first is None:
            return
        more = f" (and {self.failed - 1:,} more, see the log)" if self.failed > 1 else ""
        kind = PermanentError if self._lasting else TemporaryError
        raise kind(f"not everything was {self.deed}: {self._first_message}{more}") from self._first

    def to_json(self) -> dict[str, int]:
        """Give the counts for a checkpoint, without what the next attempt meets again."""
        with self._lock:
            return {name: count for name, count in asdict(self.counts).items() if name != "skipped"}

    def _count(self, counts: Mapping[str, int]) -> None:
        for name, count in counts.items():
            setattr(self.counts, name, getattr(self.counts, name) + count)

    def _rate(self) -> int:
        """Give how many bytes a second were moved so far."""
        return int(self._moved / max(self._clock() - self._started, 0.001))

    def tick(self) -> None:
        """Tell how far it is, unless that was told just now."""
        now = self._clock()
        if now - self._reported >= _INTERVAL_SECONDS:
            self._reported = now
            self.report()


def _said(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
