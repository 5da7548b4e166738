"""Which processes there are now, asked in a way that may meet any of them while it ends."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import psutil


def children_with(text: str) -> list[psutil.Process]:
    """Give the running children of this process whose command line has a text; quick enough to be asked all the time.

    This process may have others: the servers that tests share, and what earlier tests left to be collected.
    """
    pids: list[str] = []
    for thread in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):
            pids += (thread / "children").read_text().split()
    found = []
    for pid in pids:
        # Of a process that has ended nothing is left, or nothing but its number.
        with suppress(FileNotFoundError, ProcessLookupError, psutil.NoSuchProcess):
            process = psutil.Process(int(pid))
            if text.encode() in _command_line(process):
                found.append(process)
    return found


def _command_line(process: psutil.Process) -> bytes:
    """Wait for it: the one who starts a process goes on a moment before the kernel has noted the arguments."""
    while not (line := Path(f"/proc/{process.pid}/cmdline").read_bytes()):
        if process.status() == psutil.STATUS_ZOMBIE:
            break
    return line


def is_running(process: psutil.Process | int) -> bool:
    """Say whether a process has not ended; one that has and that nobody collects keeps its number for ever."""
    try:
        one = psutil.Process(process) if isinstance(process, int) else process
        return bool(one.is_running() and one.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
