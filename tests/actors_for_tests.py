"""Actors that tests run in workers; loaded by the setting `actor_modules`."""

from __future__ import annotations

import ctypes
import hashlib
import os
import signal
import time
from pathlib import Path

from actors.params import Params, Result
from actors.registry import actor
from actors.run import Run
from rota.errors import PermanentError, TemporaryError


class NoParams(Params):
    """Nothing."""


class CountParams(Params):
    """Up to where, or until there is a file, and where the attempts leave their trace."""

    steps: int = 10
    seconds: float = 0.0
    until: str = ""
    trace: str = ""
    fail_until: int = 0


class CountResult(Result):
    """How far it came."""

    steps: int
    started_from: int


class TraceParams(Params):
    """A file to which each attempt adds a line."""

    trace: str = ""


class MemoryParams(Params):
    """How much to take."""

    bytes: int


def leave_trace(path: str, text: str) -> None:
    if path:
        with Path(path).open("a") as file:
            file.write(f"{text}\n")


class SecretParams(Params):
    """Where a secret is."""

    password: str


class SecretResult(Result):
    """What tells the secret from others, and not itself."""

    digest: str


@actor("test.nothing", queue="test")
def nothing(run: Run, params: NoParams) -> None:
    """Do nothing."""


@actor("test.count", queue="test")
def count(run: Run, params: CountParams) -> CountResult:
    """Count, with progress, log and checkpoint, and look whether to end."""
    begin = run.state["at"] if run.state else 0
    leave_trace(params.trace, f"{run.attempt} from {begin} in {os.getpid()}")
    if run.attempt <= params.fail_until:
        run.checkpoint({"at": begin + 1})
        raise ValueError(f"attempt {run.attempt} fails")
    for step in range(begin, params.steps):
        run.check()
        run.progress(step + 1, params.steps, "steps", f"step {step + 1}")
        run.log.info(f"step {step + 1}")  # noqa: G004 -- a log for people
        run.checkpoint({"at": step + 1})
        if params.until and Path(params.until).exists():
            break
        time.sleep(params.seconds)
    return CountResult(steps=params.steps, started_from=begin)


@actor("test.later", queue="test")
def later(run: Run, params: NoParams) -> None:
    """Fail in a way that says when to come back."""
    raise TemporaryError("come back", delay_ms=50)


@actor("test.never", queue="test")
def never(run: Run, params: NoParams) -> None:
    """Fail for good."""
    raise PermanentError("it is wrong")


@actor("test.deaf", queue="test")
def deaf(run: Run, params: TraceParams) -> None:
    """Loop in Python without ever looking whether to end."""
    leave_trace(params.trace, "started")
    until = time.monotonic() + 60
    try:
        while time.monotonic() < until:
            sum(range(100))
    finally:
        leave_trace(params.trace, "ended")


@actor("test.asleep", queue="test")
def asleep(run: Run, params: NoParams) -> None:
    """Wait in C code, where no exception arrives."""
    time.sleep(60)


@actor("test.stubborn", queue="test")
def stubborn(run: Run, params: TraceParams) -> None:
    """Loop in Python and survive every ordinary error."""
    leave_trace(params.trace, "started")
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            time.sleep(0.01)
        except Exception:
            leave_trace(params.trace, "survived")


@actor("test.poison", queue="test")
def poison(run: Run, params: TraceParams) -> None:
    """Kill the worker."""
    leave_trace(params.trace, "poisoned")
    os.kill(os.getpid(), signal.SIGKILL)


@actor("test.emit", queue="test")
def emit(run: Run, params: NoParams) -> None:
    """Publish an event."""
    run.emit("test.happened", {"attempt": run.attempt}, "somewhere")


@actor("test.isolated", queue="isolated", isolate=True)
def isolated(run: Run, params: CountParams) -> CountResult:
    """Do as test.count does, in a process of its own."""
    run.emit("test.isolated", {"pid": os.getpid()})
    return count(run, params)


@actor("test.places", queue="isolated", isolate=True)
def places(run: Run, params: NoParams) -> CountResult:
    """Look at the datasources from a process of its own."""
    return CountResult(steps=len(run.datasources()), started_from=0)


@actor("test.secret", queue="test")
def secret(run: Run, params: SecretParams) -> SecretResult:
    """Ask for the secret behind a reference."""
    return SecretResult(digest=hashlib.sha256(run.secret(params.password).encode()).hexdigest())


@actor("test.isolated-secret", queue="isolated", isolate=True)
def isolated_secret(run: Run, params: SecretParams) -> SecretResult:
    """Do so in a process of its own."""
    return secret(run, params)


@actor("test.stuck", queue="isolated", isolate=True)
def stuck(run: Run, params: TraceParams) -> None:
    """Hang in C code that holds the interpreter."""
    leave_trace(params.trace, f"{os.getpid()}")
    ctypes.PyDLL(None).sleep(60)


@actor("test.crash", queue="isolated", isolate=True)
def crash(run: Run, params: NoParams) -> None:
    """Crash as C code does."""
    os.kill(os.getpid(), signal.SIGSEGV)


@actor("test.exit", queue="isolated", isolate=True)
def leave(run: Run, params: NoParams) -> None:
    """Leave by the back door."""
    os._exit(3)


@actor("test.greedy", queue="isolated", isolate=True)
def greedy(run: Run, params: MemoryParams) -> None:
    """Take memory."""
    taken = bytearray(params.bytes)
    taken[::4096] = b"x" * len(taken[::4096])
