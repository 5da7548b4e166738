"""One warm process that forks another for each thing it is asked: a fresh process without the price of a start.

As a program (`python -m tests.faults.forking MODULE`) it reads requests from its input, a line of JSON each, lets a
forked child call the module's `attempt(request)`, writes the child's number, and then how it ended and what it returned.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import signal
import subprocess
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

_SECONDS = 120


class Ending(NamedTuple):
    """How a child ended."""

    signal: int
    """The one that killed it, or 0."""
    answer: Any
    """What was returned; None if nothing was."""
    error: str
    """The exception that was not caught, with where it came from."""

    @property
    def killed(self) -> bool:
        """Whether it was killed."""
        return self.signal == signal.SIGKILL


class Forking:
    """A warm process, seen from the test."""

    def __init__(self, module: str, *, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            cwd=Path(__file__).parents[2],
            env={**os.environ, **environment},
            start_new_session=True,
        )

    def ask(self, **request: Any) -> Ending:
        """Let a fresh process handle a request, and wait for its end."""
        self.begin(**request)
        return self.end()

    def begin(self, **request: Any) -> None:
        """Let a fresh process handle a request, and wait for its beginning only."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        self._child: int = self._told()

    def kill(self) -> None:
        """Kill the process that was begun; nothing if it has ended."""
        # Until the next request its number is no other's.
        os.kill(self._child, signal.SIGKILL)

    def has_ended(self, *, within: float = 0.0) -> bool:
        """Say whether the process that was begun has ended; waits for that so many seconds."""
        return bool(select.select([self._process.stdout], [], [], within)[0])

    def end(self) -> Ending:
        """Wait for the end of the process that was begun."""
        return Ending(*self._told())

    def _told(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline() if self.has_ended(within=_SECONDS) else b""
        if not line:
            self.close()
            raise AssertionError(f"the process that forks gave no answer within {_SECONDS} s")
        return json.loads(line)

    def close(self) -> None:
        """End it, with a child that hangs."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()


def _serve(module: str) -> None:
    attempt = importlib.import_module(module).attempt
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    # What a child prints must not be taken for an answer.
    os.dup2(2, 1)
    child = 0
    for line in sys.stdin.buffer:
        if child:
            # Not before: whoever kills by this number must not hit another process.
            os.waitpid(child, 0)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            _attempt(attempt, json.loads(line), writing)
        os.close(writing)
        answers.write(b"%d\n" % child)
        with os.fdopen(reading, "rb") as pipe:
            said = pipe.read()
        ended = os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
        assert ended is not None
        number = 0 if ended.si_code == os.CLD_EXITED else ended.si_status
        answer, error = json.loads(said) if said and not number else (None, "")
        answers.write(json.dumps([number, answer, error]).encode() + b"\n")


def _attempt(attempt: Any, request: Any, pipe: int) -> None:
    """Be the child."""
    try:
        said = json.dumps([attempt(**request), ""])
    except BaseException:  # the parent tells it
        said = json.dumps([None, traceback.format_exc()])
    os.write(pipe, said.encode())
    os._exit(0)


if __name__ == "__main__":
    _serve(sys.argv[1])
