"""Starts the embedded server's process and stays with it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

from rota.errors import RotaError

_LAUNCHER = Path(__file__).with_name("server_launch.py")


class ServerFailed(RotaError):
    """Raised when the embedded server cannot be found, started or reached; the message says why."""


class Keeper:
    """A thread that starts the server and stays with it.

    The parent-death signal is tied to the *thread* that forked, not to the process: were the server started
    by a thread that ends, it would be stopped with that thread. So it gets a thread of its own, which ends
    only after the server, or with the whole process.
    """

    def __init__(self, command: list[str], *, folder: Path, lock: int) -> None:
        self._command = command
        self._folder = folder
        self._lock = lock
        self._launched = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._error: OSError | None = None
        self.ended = threading.Event()

    def launch(self) -> subprocess.Popen[bytes]:
        """Start the thread and, in it, the server; return the process."""
        if not os.access(self._command[0], os.X_OK):  # the launcher could not tell us
            message = f"cannot run {self._command[0]}: it is not there, or not executable"
            raise ServerFailed(message)
        threading.Thread(target=self._keep, name="rota-redis-keeper", daemon=True).start()
        self._launched.wait()
        if self._process is None:
            message = f"cannot run {self._command[0]}: {self._error}"
            raise ServerFailed(message) from self._error
        return self._process

    def _keep(self) -> None:
        try:
            self._process = self._popen()
        except OSError as error:
            self._error = error
            return
        finally:
            self._launched.set()
        self._process.wait()  # without a timeout: with one, Python polls
        self.ended.set()

    def _popen(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603  (our own binary and file)
            # Isolated and without site: nothing of the environment is needed, and it starts faster.
            [sys.executable, "-I", "-S", str(_LAUNCHER), str(os.getpid()), *self._command],
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(self._lock,),  # the server holds the lock, until it is really gone
            start_new_session=True,  # Ctrl-C is for the supervisor, which stops the server last
            umask=0o077,
        )
