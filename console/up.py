"""`rota up`: everything on one machine, under one supervisor.

Order at the start: lock on the state folder, settings and database (in a short process of their own), the console's
socket, the embedded Redis unless another is configured, then console, scheduler and worker as processes that are
started again when they die, and last the folders, by a short process again. Order at the stop: console, scheduler,
worker (which gets its grace time), Redis. The supervisor imports no framework: it lives longest and shall weigh least.

A supervisor that is killed takes its parts with it, by the parent-death signal of the system; the next start on the
same folder finds the append-only file of Redis and the database, and goes on.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from console.children import Child, Part, exit_words
from console.connection import FILE_NAME, REDIS_ADDRESS
from console.exits import CommandFailed, ExitCode
from console.listening import address_of, open_listener
from console.state_lock import locked_state
from rota.ids import new_id

if TYPE_CHECKING:
    from bus.server import EmbeddedServer

_CHECK_SECONDS = 5.0  # a lost wake-up costs at most this
_CONSOLE_SECONDS = 6.0
_SCHEDULER_SECONDS = 8.0
_AFTER_CHILDREN_SECONDS = 1.0
_KILLED_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the command line asked for; None leaves the choice to the settings."""

    state: Path
    folders: Sequence[Path] = ()
    watch: bool = False
    host: str | None = None
    port: int | None = None
    processes: int | None = None
    threads: int | None = None


class Supervisor:
    """Starts the parts, keeps them alive, and stops them in their order."""

    def __init__(self, wish: Wish) -> None:
        self._wish = wish
        self._state = wish.state.absolute()
        self._children: list[Child] = []
        self._folders: Child | None = None
        self._redis: EmbeddedServer | None = None
        self._stops_asked = 0
        self._bell = socket.socketpair()

    def run(self) -> int:
        """Run until a signal says stop; return the exit code."""
        self._state.mkdir(parents=True, exist_ok=True, mode=0o700)
        with locked_state(self._state), self._signals():
            try:
                self._start()
                while not self._stops_asked:
                    self._sleep(self._look_after())
            finally:
                self._stop()
        return ExitCode.OK

    def _start(self) -> None:
        self._forget_addresses()
        environment = self._environment()
        told = _prepare(environment)
        if self._stops_asked:
            return
        environment["ROTA_PROCESSES"] = str(told["processes"])
        if not told["log_level_set"] and sys.stderr.isatty():
            # A person who looks at these lines wants to see what is wrong, and not every start and stop.
            environment["ROTA_LOG_LEVEL"] = "warning"
        _line("state", str(self._state))
        _line("database", told["database"])
        port = told["port"] if self._wish.port is None else self._wish.port
        with open_listener(told["host"], port, search=self._wish.port is None) as listener:
            if told["embedded_redis"]:
                environment["ROTA_REDIS_URL"] = self._start_redis()
            _line("redis", told["redis"] or f"embedded, process {self._redis.pid if self._redis else None}")
            self._start_parts(environment, told, listener)
        # It waits for the console, so it can start at once.
        folders = [str(folder.absolute()) for folder in self._wish.folders]
        if folders:
            arguments = ("console.folders", str(self._state), *folders, *(["--watch"] if self._wish.watch else []))
            self._folders = Child(Part(name="folders", arguments=arguments, environment=environment, grace=1.0))
            self._folders.start()

    def _start_redis(self) -> str:
        from bus.server import EmbeddedServer
        from rota.errors import RotaError

        self._redis = EmbeddedServer(self._state / "redis")
        try:
            address = self._redis.start()
        except RotaError as error:
            raise CommandFailed(str(error)) from error
        # Other commands on this state folder find Redis through this file; no process list shows the password.
        path = self._state / REDIS_ADDRESS
        with open(path, "w", encoding="utf-8", opener=_private) as file:
            file.write(address)
        return f"file:{path}"

    def _start_parts(self, environment: dict[str, str], told: dict[str, Any], listener: socket.socket) -> None:
        details = {
            "console": address_of(listener),
            "scheduler": f"job files in {told['definitions']}",
            "worker": f"{told['processes']} with {told['threads']} threads",
        }
        for part in _parts(environment, told, os.dup(listener.fileno())):
            child = Child(part)
            self._children.append(child)
            child.start()
            _line(part.name, f"{details[part.name]}, process {child.pid}")

    def _look_after(self) -> float:
        """Start again what has died; return the seconds until there is something to do."""
        now = time.monotonic()
        next_check = now + _CHECK_SECONDS
        self._look_after_redis()
        if self._folders is not None and self._folders.ended() is not None:
            self._folders = None  # done, or it has said why not
        for child in self._children:
            code = child.ended()
            if code is not None and child.start_at is not None:
                _line(child.part.name, f"{exit_words(code)}; starting it again in {child.start_at - now:.1f} s")
            if child.start_at is not None and child.start_at <= now:
                child.start()
                _line(child.part.name, f"started again, process {child.pid}")
            if child.start_at is not None:
                next_check = min(next_check, child.start_at)
        return max(0.0, next_check - time.monotonic())

    def _look_after_redis(self) -> None:
        if self._redis is None or self._redis.alive():
            return
        _line("redis", "died; starting it again")
        from rota.errors import RotaError

        try:
            self._redis.start()
            _line("redis", f"started again, process {self._redis.pid}")
        except RotaError as error:
            _line("redis", f"{error}; trying again in {_CHECK_SECONDS:.0f} s")

    def _stop(self) -> None:
        if self._folders is not None:
            self._folders.kill()
            self._folders.wait(_KILLED_SECONDS)
        for child in self._children:
            self._stop_child(child)
        if self._redis is not None:
            self._redis.stop()
        if self._children:
            _line("stopped", "")
        self._forget_addresses()

    def _stop_child(self, child: Child) -> None:
        """Stop one part within its grace; a second signal to us ends the patience."""
        child.ask_to_stop()
        deadline = time.monotonic() + child.part.grace
        asked = self._stops_asked
        while not child.wait(0):
            left = deadline - time.monotonic()
            if left <= 0 or self._stops_asked > max(asked, 1):
                _line(child.part.name, "did not stop in time and is killed" if left <= 0 else "is killed")
                child.kill()
                child.wait(_KILLED_SECONDS)
                return
            self._sleep(min(left, 1.0))

    def _forget_addresses(self) -> None:
        # A stale file would make the command line hand its token to whoever has the port by then.
        for name in (FILE_NAME, REDIS_ADDRESS):
            (self._state / name).unlink(missing_ok=True)

    def _environment(self) -> dict[str, str]:
        wish = self._wish
        given = {
            "STATE_DIR": str(self._state),
            "HOST": wish.host,
            "PROCESSES": wish.processes,
            "THREADS": wish.threads,
        }
        environment = {f"ROTA_{name}": str(value) for name, value in given.items() if value is not None}
        # Each thread of a C allocator keeps its own reserve: two are plenty for processes that mostly wait.
        return {**os.environ, "MALLOC_ARENA_MAX": "2", **environment}

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Count requests to stop, and ring the bell on any signal, so that the loop need not poll."""
        reader, writer = self._bell
        reader.setblocking(False)
        writer.setblocking(False)
        before = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        handlers = {
            number: signal.signal(number, self._ask) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        }
        # Without a handler the signal of a child's death would not ring.
        handlers[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        try:
            yield
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(before)

    def _ask(self, *_: object) -> None:
        self._stops_asked += 1

    def _sleep(self, seconds: float) -> None:
        reader = self._bell[0]
        select.select([reader], [], [], seconds)
        with suppress(BlockingIOError):
            while reader.recv(1024):
                pass


def _parts(environment: dict[str, str], told: dict[str, Any], handle: int) -> Iterator[Part]:
    """Yield the parts in the order in which they are started, and stopped."""
    main = "console.main"
    yield Part(
        name="console",
        arguments=(main, "console", "--announce", "--fd", str(handle)),
        environment=environment,
        grace=_CONSOLE_SECONDS,
        handles=(handle,),
    )
    # With a Redis of our own this is the start of a system, and no scheduler of an earlier one is alive.
    start = ("--start", new_id()) if told["embedded_redis"] else ()
    yield Part(
        name="scheduler", arguments=(main, "scheduler", *start), environment=environment, grace=_SCHEDULER_SECONDS
    )
    yield Part(
        name="worker",
        arguments=(main, "worker"),
        environment=environment,
        grace=told["worker_seconds"] + _AFTER_CHILDREN_SECONDS,
    )


def _prepare(environment: dict[str, str]) -> dict[str, Any]:
    """Read the settings and bring the database up to date, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "console.prepare"], env=environment, stdout=subprocess.PIPE, check=False
    )
    if done.returncode:
        # What is wrong has been said on stderr already.
        raise CommandFailed("nothing was started", _known(done.returncode))
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def _known(code: int) -> ExitCode:
    try:
        return ExitCode(code)
    except ValueError:
        return ExitCode.FAILED


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _line(name: str, detail: str) -> None:
    with suppress(OSError):  # whoever closed the terminal still wants an orderly stop
        print(f"{name:<10} {detail}".rstrip(), flush=True)
