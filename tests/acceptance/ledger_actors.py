"""Actors that write down what they do in a file that belongs to the test, not to Rota."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from actors.params import Params
from actors.registry import actor
from actors.run import Run


def note(*words: object) -> None:
    """Append one line; short writes to an O_APPEND file are never mixed."""
    line = " ".join(str(word) for word in words) + "\n"
    fd = os.open(os.environ["LEDGER"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(fd, line.encode())
    finally:
        os.close(fd)


class Nothing(Params):
    """No parameters."""


def gate() -> Path:
    """What is there when bodies that wait for it may end."""
    return Path(os.environ["LEDGER"]).with_name("gate")


class Pause(Params):
    """How long to take, in milliseconds."""

    ms: int = 0


@actor("ledger", queue="ledger")
def ledger(run: Run, params: Pause) -> None:
    """Note the start, take a while, note the end."""
    note("start", run.task, run.attempt, os.getpid(), time.monotonic())
    time.sleep(params.ms / 1000)
    note("end", run.task, run.attempt, os.getpid(), time.monotonic())


@actor("loop", queue="ledger")
def loop(run: Run, params: Nothing) -> None:
    """Run until told to stop, as an actor that checks."""
    note("start", run.task, run.attempt, os.getpid(), time.monotonic())
    try:
        while True:
            run.check()
            time.sleep(0.02)
    finally:
        note("stopped", run.task, run.attempt, os.getpid(), time.monotonic())


@actor("spin", queue="ledger")
def spin(run: Run, params: Nothing) -> None:
    """Run until interrupted, as Python code that never checks."""
    note("start", run.task, run.attempt, os.getpid(), time.monotonic())
    total = 0
    while True:
        total += 1


@actor("stuck", queue="ledger", isolate=True)
def stuck(run: Run, params: Nothing) -> None:
    """Sit in C code that no Python exception can reach."""
    note("start", run.task, run.attempt, os.getpid(), time.monotonic())
    libc = ctypes.PyDLL(None)  # PyDLL keeps the interpreter's lock: nothing in this process runs meanwhile
    while True:
        libc.sleep(60)


@actor("stubborn", queue="ledger")
def stubborn(run: Run, params: Nothing) -> None:
    """Go on, whatever it is told, until it may publish; then publish, and note whether that was refused."""
    ledger = Path(os.environ["LEDGER"])
    draft = ledger.with_name(f"{run.task}.draft")
    draft.write_text(run.task)
    note("start", run.task, run.attempt, os.getpid(), time.monotonic())
    while not gate().exists():
        with suppress(BaseException):
            time.sleep(0.02)
    try:
        run.publish(draft, ledger.with_name(f"{run.task}.published"))
    except BaseException as error:
        note("refused", run.task, type(error).__name__)
        raise


@actor("killer", queue="ledger")
def killer(run: Run, params: Nothing) -> None:
    """Kill the process that runs it."""
    note("start", run.task, run.attempt, os.getpid(), time.monotonic())
    os.kill(os.getpid(), signal.SIGKILL)


@actor("wait", queue="ledger")
def wait(run: Run, params: Nothing) -> None:
    """Wait for the gate without looking at anything else."""
    note("start", run.task, run.attempt, os.getpid(), time.monotonic())
    while not gate().exists():
        time.sleep(0.02)
    note("end", run.task, run.attempt, os.getpid(), time.monotonic())


@actor("hold", queue="ledger")
def hold(run: Run, params: Nothing) -> None:
    """Wait for the gate in small steps, of which there is one at least, keeping count in the checkpoint."""
    done = int((run.state or {}).get("done", 0))
    note("start", run.task, run.attempt, os.getpid(), time.monotonic(), done)
    while True:
        time.sleep(0.02)
        done += 1
        run.checkpoint({"done": done})
        if gate().exists():
            break
        run.check()
    note("end", run.task, run.attempt, os.getpid(), time.monotonic(), done)
