"""Takes from a reading process all rights that reading does not need, so that a file that takes it over gains little.

What is left: read what modules and libraries are loaded from and what was handed over, compute, and answer. No network,
no other processes, no writing, no signals to others. Linux only; elsewhere it is said, and the limits have to do.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable, Iterable

from actors.datasources.openat2 import libc
from actors.extracting.landlock import restrict_files
from actors.extracting.seccomp import filter_calls

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38


def die_with_parent() -> None:
    """Have the kernel end this process when the thread that started it does; without Linux, its connection ends it."""
    if sys.platform == "linux":
        libc().prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)


def confine(readable: Iterable[str]) -> str:
    """Take all rights that are not needed from this process, and say how far that went.

    `readable` are the files and folders that modules and libraries come from. Call it before there are other threads.
    """
    if sys.platform != "linux":
        return f"reading processes are not confined on {sys.platform}"
    if libc().prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        return f"reading processes are not confined: no_new_privs: {os.strerror(ctypes.get_errno())}"
    steps: dict[str, Callable[[], None]] = {
        "files (landlock)": lambda: restrict_files(readable),
        # The last: it refuses the calls of the steps before.
        "system calls (seccomp)": lambda: filter_calls(os.uname().machine),
    }
    said = [_said(what, step) for what, step in steps.items()]
    return f"reading processes are confined in {', '.join(said)}"


def _said(what: str, step: Callable[[], None]) -> str:
    try:
        step()
    except OSError as error:
        return f"not in {what}: {error.strerror}"
    return what
