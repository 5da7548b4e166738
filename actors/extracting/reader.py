"""A reading process as the worker sees it; `child` is what it runs.

This side never waits to send and never waits to receive, so nobody waits for anybody in a circle. What the process says
is not believed: it may have been taken over by a file. What is too long or makes no sense ends it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from actors.extracting.extractor import Limits
from actors.extracting.feeding import Errand
from actors.extracting.outcomes import Extracted, Failed
from actors.extracting.registry import Registry
from actors.extracting.starting import readable, start
from actors.extracting.verdict import tidy, tidy_message
from actors.extracting.wire import Answer, Asked, Nothing, Setup, Started, Text, largest_answer
from actors.frames import FrameStream, take_frames

_READ_BYTES = 1024 * 1024
_MUCH_BYTES = 64 * 1024  # of an answer: one that comes in smaller pieces than that is not waited for any longer
_END_SECONDS = 5.0
_WAIT_SECONDS = 0.002
_PEAK_UNIT = 1 if sys.platform == "darwin" else 1024
_NONSENSE = "the process that read it answered what none of ours does"

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Started | Answer).decode


class Ended(Exception):
    """Raised when the process is gone, or said something that none of ours says; the message tells what, if it did."""


class Death(NamedTuple):
    """How a process ended."""

    code: int | None
    """Its exit code, negative for a signal; None if it cannot be ended."""
    peak_bytes: int
    """The most memory that it had in use; 0 if that was no more than its parent had when it was started."""


class Reader:
    """One reading process, and what it was asked."""

    def __init__(self, registry: Registry, limits: Limits) -> None:
        """Start it; raises OSError if that is not possible."""
        self._process, self._connection, self._files = start(registry)
        self._limits = limits
        setup = Setup(registry.places, limits, readable(registry))
        self._stream = FrameStream(self._connection)
        self._stream.put(_encode(setup))
        self._descriptors: deque[Errand[Any]] = deque()
        self.unanswered: deque[Errand[Any]] = deque()
        """What it was asked, the one that it reads now first."""
        self.answered = 0
        self._first_peak = 0
        self.confinement = ""
        """How it is confined, in its own words; empty until it has started."""
        self.heard = time.monotonic()
        """When it last took or told something: what it was given without its doing does not count."""

    def fileno(self) -> int:
        """Give the descriptor to poll."""
        return self._connection.fileno()

    @property
    def has_started(self) -> bool:
        """Whether it can read files by now."""
        return bool(self.confinement)

    @property
    def has_to_send(self) -> bool:
        """Whether something waits for the process to take it."""
        return self._stream.has_to_send

    def ask(self, errands: Sequence[Errand[Any]]) -> None:
        """Hand it files to read; they stay the caller's, who may have to hand them to another.

        Raises OSError if a descriptor cannot be handed over; then it may be asked no more, for it would take one file
        for another.
        """
        if not self.unanswered:
            self.heard = time.monotonic()
        self.unanswered += errands
        for errand in errands:
            if errand.content is None:
                with contextlib.suppress(ConnectionError):  # a process that is gone is noticed below
                    socket.send_fds(self._files, [b"\0"], [errand.descriptor])
        self._stream.put(_encode([Asked(errand.extractor, errand.content) for errand in errands]))
        with contextlib.suppress(Ended):
            self._send()

    def send_more(self) -> None:
        """Send what waits, now that the process has taken what was before it; raises Ended."""
        self.heard = time.monotonic()
        self._send()

    def _send(self) -> None:
        try:
            self._stream.send()
        except OSError as error:
            raise Ended from error

    def receive(self) -> Iterator[tuple[Errand[Any], Extracted | Failed]]:
        """Give what is told completely by what has come; raises Ended."""
        try:
            received = self._stream.receive(_READ_BYTES)
        except OSError as error:
            raise Ended from error
        # All that came before the first is given: whoever takes them may be away for long.
        told, makes_sense = self._taken()
        if told or received >= _MUCH_BYTES:
            self.heard = time.monotonic()
        for answer in told:
            if isinstance(answer, Started):
                if self.has_started:
                    raise Ended(_NONSENSE)
                self.confinement = answer.confinement or "?"
                self._first_peak = answer.peak
            elif not self.unanswered:
                raise Ended(_NONSENSE)
            else:
                outcome = _outcome(answer, self._limits)
                self.answered += 1
                yield self.unanswered.popleft(), outcome
        if not makes_sense:
            raise Ended(_NONSENSE)

    def _taken(self) -> tuple[list[Started | Answer], bool]:
        """Give what has come as a whole up to the first nonsense, and whether there was none."""
        taken: list[Started | Answer] = []
        try:
            # What was decoded before an error stays.
            taken.extend(map(_decode, take_frames(self._stream.incoming, largest=largest_answer(self._limits))))
        except (ValueError, msgspec.DecodeError):
            return taken, False
        return taken, True

    def resident_bytes(self) -> int:
        """Give how much memory it has in use; 0 where that is not told."""
        try:
            pages = Path(f"/proc/{self._process.pid}/statm").read_bytes().split()[1]
        except (OSError, IndexError):
            return 0
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def end(self) -> Death:
        """End the process, whatever it does, and give how it ended; once."""
        self._connection.close()
        self._files.close()
        # How one ends by itself is fixed before its connection is closed, so this does not change it. Not by `kill` of
        # the object, which takes a dead one away, and does not tell how much memory it had.
        os.kill(self._process.pid, signal.SIGKILL)
        until = time.monotonic() + _END_SECONDS
        while time.monotonic() < until:
            process, status, used = os.wait4(self._process.pid, os.WNOHANG)
            if process:
                self._process.returncode = code = os.waitstatus_to_exitcode(status)
                return Death(code, used.ru_maxrss * _PEAK_UNIT if used.ru_maxrss > self._first_peak else 0)
            time.sleep(_WAIT_SECONDS)
        # One that hangs in a dead file system cannot even be killed; it goes when the file system comes back.
        return Death(None, 0)


def _outcome(answer: Text | Nothing, limits: Limits) -> Extracted | Failed:
    """Give what an answer says; raises Ended if ours would have tidied it."""
    if isinstance(answer, Text):
        extracted = Extracted(answer.text, tuple(answer.meta))
        if extracted != tidy(extracted, limits.most_text):
            raise Ended(_NONSENSE)
        return extracted
    if answer.message != tidy_message(answer.message):
        raise Ended(_NONSENSE)
    return Failed(answer.reason, answer.message)
