"""What a body said and the recorder has not heard yet."""

from __future__ import annotations

import threading
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from rota.clock import Clock
from rota.messages import Level, LogLine
from rota.runs import MAX_MESSAGE_BYTES, Progress, cut_middle, plain_text
from store.folding import MAX_LINES

MAX_STATE_BYTES = 32 * 1024
"""The most that a checkpoint may take, as JSON."""
MAX_WAITING_LINES = 1_000
"""Lines that may wait to be reported; what is logged beyond them is counted and dropped."""
MAX_WAITING_BYTES = 96 * 1024
"""Bytes that waiting lines may take together, so that they fit into one report."""
PAUSE_SECONDS = 0.2
"""Time between two reports of one attempt: at most five a second."""

_encode = msgspec.json.Encoder().encode


State = msgspec.Raw | UnsetType
"""A checkpoint as JSON, or UNSET where there is none: null is a state that an actor may well keep."""


class Taken(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one report is made of; `checkpoint` is UNSET unless there is a new one."""

    progress: Progress | None = None
    lines: tuple[LogLine, ...] = ()
    checkpoint: State = UNSET


NOTHING = Taken()


class Reports:
    """Collects progress, log lines and checkpoints of one attempt; any thread may add and any may take.

    Of progress and checkpoints only the newest waits. Nothing here raises or waits for anything but a short lock.
    """

    __slots__ = ("_bytes", "_clock", "_dropped", "_fresh", "_lines", "_lock", "_n", "_next", "_progress", "due", "kept")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._lines: list[LogLine] = []
        self._bytes = 0
        self._n = 0
        self._dropped = 0
        self._progress: Progress | None = None
        self._fresh = False
        self._next = 0.0
        #: Monotonic time from which on the next report may be made; None while there is nothing to report.
        self.due: float | None = None
        #: The newest checkpoint, reported or not.
        self.kept: State = UNSET

    def progress(self, progress: Progress) -> None:
        """Replace what is known of how far the work is."""
        with self._lock:
            self._progress = progress
            self._wanted()

    def log(self, level: Level, message: str) -> None:
        """Add a line, or count it as dropped when too many wait."""
        text = cut_middle(plain_text(str(message)), MAX_MESSAGE_BYTES)
        with self._lock:
            self._take_in(level, text, self._clock.now_ms())
            self._wanted()

    def checkpoint(self, state: Any) -> None:
        """Keep a state; one that has no JSON form or is too large is not kept, and the log says so."""
        try:
            # Encoded here and now: the body may go on changing its object.
            encoded = _encode(state)
        except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError) as error:
            self.log("error", f"a checkpoint was not kept: it has no JSON form: {error}")
            return
        if len(encoded) > MAX_STATE_BYTES:
            self.log("error", f"a checkpoint of {len(encoded)} bytes was not kept; allowed are {MAX_STATE_BYTES}")
            return
        with self._lock:
            self.kept = msgspec.Raw(encoded)
            self._fresh = True
            self._wanted()

    def absorb(self, taken: Taken) -> None:
        """Add what an isolated body's own reports gave; its lines are numbered anew."""
        with self._lock:
            if taken.progress is not None:
                self._progress = taken.progress
            if not isinstance(taken.checkpoint, UnsetType):
                # A copy: what was decoded is a view that would keep the whole frame in memory.
                self.kept, self._fresh = taken.checkpoint.copy(), True
            for line in taken.lines:
                self._take_in(line.level, line.message, line.at)
            self._wanted()

    def take(self) -> Taken:
        """Return what waits and forget it."""
        with self._lock:
            if self._dropped and self._n < MAX_LINES:
                self._n += 1
                text = f"{self._dropped} lines dropped: they came faster than they can be kept"
                self._lines.append(LogLine(n=self._n, at=self._clock.now_ms(), level="warning", message=text))
                self._dropped = 0
            taken = Taken(
                progress=self._progress,
                lines=tuple(self._lines),
                checkpoint=self.kept if self._fresh else UNSET,
            )
            self._lines = []
            self._bytes = 0
            self._progress = None
            self._fresh = False
            self._next = self._clock.monotonic() + PAUSE_SECONDS
            self.due = None
            return taken

    def _take_in(self, level: Level, text: str, at: int) -> None:
        size = len(text) if text.isascii() else len(text.encode())
        full = len(self._lines) >= MAX_WAITING_LINES or self._bytes + size > MAX_WAITING_BYTES
        # The store lets the line with the last number say that the rest was dropped.
        if full or self._n >= MAX_LINES:
            self._dropped += 1
            return
        self._n += 1
        self._lines.append(LogLine(n=self._n, at=at, level=level, message=text))
        self._bytes += size

    def _wanted(self) -> None:
        if self.due is None:
            self.due = self._next
