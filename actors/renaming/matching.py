"""Applies a pattern to names in a process of its own, which is ended when it takes too long.

A regular expression may take longer than the world lasts, and nothing inside a process can stop it. So it is bounded
in length, and matched elsewhere, with a time limit on each batch of names.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from actors.frames import FrameStream, take_frames
from rota.errors import PermanentError, TemporaryError

MAX_PATTERN_CHARS = 512
BATCH_NAMES = 2_000

_START_SECONDS = 30.0
_STEP_SECONDS = 0.1
_RECEIVE_BYTES = 256 * 1024
# Isolated, so that no variable and no folder changes what it runs; with the search path of this process.
_PROGRAM = "import sys; sys.path[:] = sys.argv[1:]; from actors.renaming.child import main; main()"
_OPTIONS = ("-I", "-B", "-W", "ignore")


class Matcher:
    """What a pattern makes of names; for one thread. `open` or the first batch starts it, `close` ends it."""

    seconds = 3.0
    """For a batch; a pattern that is no trap takes a few milliseconds."""

    def __init__(self, pattern: str, replacement: str, *, ignore_case: bool, check: Callable[[], None]) -> None:
        """Take a regular expression and what a match becomes, in Python's own words for both."""
        self._order = {"pattern": pattern, "replacement": replacement, "ignore_case": ignore_case}
        self._check = check
        self._process: subprocess.Popen[bytes] | None = None
        self._stream: FrameStream | None = None

    def open(self) -> None:
        """Start the process; raises PermanentError for a pattern that is none."""
        self._start()
        self._ask(self._order, _START_SECONDS)

    def replaced(self, names: Sequence[bytes]) -> list[bytes]:
        """Give what each name becomes, itself where nothing matches.

        Raises PermanentError for a pattern or replacement that is none, and for one that takes too long.
        """
        found: list[bytes] = []
        for start in range(0, len(names), BATCH_NAMES):
            found += self._ask({"names": list(names[start : start + BATCH_NAMES])}, self.seconds)["names"]
        return found

    def close(self) -> None:
        """End the process; twice is fine."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        self._connection.close()

    def _ask(self, question: dict[str, Any], seconds: float) -> dict[str, Any]:
        if self._process is None:
            self.open()
        assert self._stream is not None
        self._stream.put(msgspec.msgpack.encode(question))
        deadline = time.monotonic() + seconds
        while True:
            self._check()
            try:
                self._stream.send()
                self._stream.receive(_RECEIVE_BYTES)
            except OSError as error:
                self.close()
                raise TemporaryError("the process that matches names has ended") from error
            for frame in take_frames(self._stream.incoming):
                answer: dict[str, Any] = msgspec.msgpack.decode(frame)
                if problem := answer.get("problem"):
                    raise PermanentError(f"the pattern cannot be used: {problem}")
                return answer
            if time.monotonic() > deadline:
                self.close()
                raise PermanentError(
                    f"the pattern took longer than {seconds:g} s for a few names: repetitions within repetitions, such"
                    " as (a+)+, make it so; write it without"
                )
            self._wait()

    def _start(self) -> None:
        import socket

        ours, theirs = socket.socketpair()
        with theirs:
            try:
                self._process = subprocess.Popen(  # noqa: S603 -- this interpreter, with arguments of our own
                    [sys.executable, *_OPTIONS, "-c", _PROGRAM, *sys.path],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env={name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ},
                )
            except OSError as error:
                ours.close()
                raise TemporaryError(f"no process can be started to match names: {error.strerror}") from error
        self._connection = ours
        self._stream = FrameStream(ours)

    def _wait(self) -> None:
        import select

        writing = [self._connection] if self._stream is not None and self._stream.has_to_send else []
        with suppress(InterruptedError):
            select.select([self._connection], writing, [], _STEP_SECONDS)
