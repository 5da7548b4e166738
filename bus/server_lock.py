"""The lock on the folder of an embedded Redis: one server a folder, whoever started it.

The starting process opens and locks the file, the server inherits the open file, and the starter closes its
own copy: so the lock lasts exactly as long as the server, however its owner ends. The file names both, for
those it refuses.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from rota.errors import RotaError

CONFIG_NAME = "redis.conf"  # on the server's command line: that is how it is recognised
_OWNER_SECONDS = 0.5  # how long an owner that has just been killed may still look alive
_ORPHAN_SECONDS = 10.0  # how long the server of a killed owner may take to go
_POLL_SECONDS = 0.02


class FolderInUse(RotaError):
    """Raised when another process runs its server on the same folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Holder:
    """What the lock file says of who holds it."""

    owner: int  # the process that started the server
    server: int


@contextmanager
def locked(folder: Path) -> Iterator[int]:
    """Lock the folder and yield the open file, for the server to inherit; FolderInUse when it has a server.

    A server whose owner was killed is on its way out: it gets time to go, and is told to when it was frozen.
    """
    descriptor = os.open(folder / "redis.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _acquire(descriptor, folder)
        os.ftruncate(descriptor, 0)
        yield descriptor
    finally:
        os.close(descriptor)


def write_holder(descriptor: int, *, server: int) -> None:
    """Note this process and its server in the lock file."""
    os.pwrite(descriptor, json.dumps({"owner": os.getpid(), "server": server}).encode(), 0)


def _acquire(descriptor: int, folder: Path) -> None:
    told: int | None = None
    begin = time.monotonic()
    while not _try(descriptor):
        holder = _read_holder(descriptor)
        owned = holder is not None and _lives(holder.owner) and _lives(holder.server)
        if time.monotonic() > begin + (_OWNER_SECONDS if owned else _ORPHAN_SECONDS):
            raise FolderInUse(_describe(folder, holder))
        if holder is not None and not owned and holder.server != told and _serves(holder.server, folder):
            _tell_to_go(holder.server)
            told = holder.server
        time.sleep(_POLL_SECONDS)


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read_holder(descriptor: int) -> _Holder | None:
    """Read the lock file; None in the moment before its holder has written it."""
    try:
        content = json.loads(os.pread(descriptor, 1000, 0))
        return _Holder(owner=int(content["owner"]), server=int(content["server"]))
    except (ValueError, KeyError, TypeError):
        return None


def _describe(folder: Path, holder: _Holder | None) -> str:
    if holder is None:
        return f"{folder} is in use: another process runs its Redis there"
    return f"{folder} is in use: process {holder.owner} runs its Redis there (process {holder.server})"


def _lives(pid: int) -> bool:
    """Tell whether a process exists and is more than a zombie that nobody has waited for."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    with suppress(OSError):  # no /proc here: taken for alive
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[:1]
        return state != [b"Z"]
    return True


def _serves(pid: int, folder: Path) -> bool:
    """Tell whether the process is a server of this folder, and not one that got its number later."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return os.fsencode(folder / CONFIG_NAME) in command.split(b"\0")


def _tell_to_go(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        os.kill(pid, signal.SIGCONT)  # a frozen one takes the signal only when it runs again
