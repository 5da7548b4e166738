"""One `rota up` per state folder: a file lock that ends with its process, however that ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from console.exits import CommandFailed

LOCK_NAME = "up.lock"


@contextmanager
def locked_state(folder: Path) -> Iterator[None]:
    """Hold the lock on a state folder; CommandFailed names the process that has it."""
    descriptor = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip() or "another process"
            raise CommandFailed(
                f"{folder} is in use by `rota up` (process {holder}): stop that one, or give another --state"
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)
