"""Counts what a mirror does, from several threads, and tells the run how far it is."""

# ruff: noqa: G004 -- the log of a run takes finished text and is no logging.Logger
from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

from actors.datasources.paths import text_of
from actors.datasources.retrying import is_temporary
from actors.run import Run
from actors.syncing.meter import sized
from rota.errors import PermanentError, TemporaryError

_INTERVAL_SECONDS = 0.3
_MOST_LINES = 1000
_MOST_IN_A_ROW = 20


@dataclass(slots=True)
class Counts:
    """What was done, all attempts together."""

    copied: int = 0
    removed: int = 0
    bytes: int = 0
    folders: int = 0
    verified: int = 0
    skipped: int = 0


class Tally:
    """The counts of a mirror, its failures, and its progress. Safe in several threads."""

    def __init__(
        self, run: Run, *, counts: Counts, total: int | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin to count; `total` is how many entries the source is thought to have, where that is known."""
        self._run = run
        self._clock = clock
        self._lock = threading.Lock()
        self._started = self._reported = clock()
        self._total = total
        self._seen = 0
        self._moved = 0
        self._first: BaseException | None = None
        self._first_message = ""
        self._lasting = False
        self._in_a_row = 0
        self.counts = counts
        self.failed = 0

    def saw(self, entries: int = 1) -> None:
        """Count entries of the source that are settled."""
        with self._lock:
            self._seen += entries
        self._report_now_and_then()

    def moved(self, size: int) -> None:
        """Count bytes on their way."""
        with self._lock:
            self._moved += size
        self._report_now_and_then()

    def add(self, **counts: int) -> None:
        """Add to the counts."""
        with self._lock:
            self._in_a_row = 0
            for name, count in counts.items():
                setattr(self.counts, name, getattr(self.counts, name) + count)

    def skip(self, path: bytes, why: str) -> None:
        """Count and tell what is left alone on purpose."""
        with self._lock:
            self.counts.skipped += 1
            tells = self.counts.skipped <= _MOST_LINES
        if tells:
            self._run.log.warning(f"{text_of(path)!r} is left out: {why}")

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
            self._run.log.error(message)
        if in_a_row >= _MOST_IN_A_ROW:
            raise TemporaryError(f"{in_a_row} files in a row failed, the last: {message}") from error

    def raise_failures(self) -> None:
        """Raise for what went wrong: TemporaryError if all of it may get better, else PermanentError."""
        if self._first is None:
            return
        more = f" (and {self.failed - 1:,} more, see the log)" if self.failed > 1 else ""
        kind = PermanentError if self._lasting else TemporaryError
        raise kind(f"not everything was mirrored: {self._first_message}{more}") from self._first

    def report(self, *, ended: bool = False) -> None:
        """Tell how far it is."""
        with self._lock:
            seen, moved, copied = self._seen, self._moved, self.counts.copied
        rate = moved / max(self._clock() - self._started, 0.001)
        total = seen if ended else self._total
        self._run.progress(
            seen,
            total if total is not None and total >= seen else None,
            "entries",
            f"{copied:,} copied, {sized(moved)} at {sized(int(rate))}/s",
        )

    def to_json(self) -> dict[str, int]:
        """Give the counts for a checkpoint, without what the next attempt meets again."""
        with self._lock:
            return {name: count for name, count in asdict(self.counts).items() if name != "skipped"}

    def _report_now_and_then(self) -> None:
        now = self._clock()
        if now - self._reported >= _INTERVAL_SECONDS:
            self._reported = now
            self.report()


def _said(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
