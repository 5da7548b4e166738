"""Processes: how one dies with its parent, what it is called, how much memory it has, how it is started."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STOPPING = frozenset({signal.SIGINT, signal.SIGTERM})
"""The signals that ask a process to stop."""

_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
_PAGE = os.sysconf("SC_PAGESIZE")


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when the thread that made it ends; exits at once if that has happened.

    Where the system cannot do that (anything but Linux), the end of the pipe to the parent does the same later.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def name_process(name: str) -> None:
    """Give this process a name of at most 15 characters for `ps` and `top`; Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_NAME, name.encode()[:15], 0, 0, 0)


def make_bell() -> tuple[int, int]:
    """Return a pipe whose ends never block: signals write into one, a loop waits for the other."""
    bell, ring = os.pipe()
    os.set_blocking(bell, False)
    os.set_blocking(ring, False)
    return bell, ring


def installed_version(package: str) -> str:
    """Return the version of an installed package, empty when it is not installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def resident_bytes(pid: int | None = None) -> int:
    """Return the resident memory of a process (this one by default), 0 when it is gone or cannot be told."""
    try:
        return int(Path(f"/proc/{pid or 'self'}/statm").read_bytes().split()[1]) * _PAGE
    except (OSError, IndexError, ValueError):
        return 0


@contextmanager
def signals_held() -> Iterator[None]:
    """Hold back signals that stop in this thread and in the processes it starts, which let them through themselves."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def python_command(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module of ours in a new Python that finds the same modules as this one."""
    # With -m the working folder becomes a place to import from; only where it is one already.
    safe = [] if "" in sys.path or str(Path.cwd()) in sys.path else ["-P"]
    return [sys.executable, *safe, "-m", module, *arguments]
