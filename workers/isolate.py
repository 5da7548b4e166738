"""Runs bodies in processes of their own, so that cancel and time limits stop even C code and a crash is one attempt."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import msgspec

from rota.errors import TemporaryError
from workers.conversation import Conversation, ProcessBody
from workers.nursery import NUMBER, Plan
from workers.processes import python_command, resident_bytes, signals_held
from workers.wire import Begin, Channel

if TYPE_CHECKING:
    from actors.registry import ActorSpec
    from workers.attempt import Attempt
    from workers.endings import Ending
    from workers.link import AttemptLink

#: How long a nursery gets to kill its bodies and end.
EXIT_SECONDS = 2.0


class Isolation:
    """Runs isolated bodies through a nursery, which is there while there is something to do, and a while longer.

    It is as large as a worker, and starts again within a second.
    """

    def __init__(self, plan: Plan, *, max_bytes: int, idle_seconds: float) -> None:
        self._plan = plan
        self._max_bytes = max_bytes
        self._idle_seconds = idle_seconds
        self._starting = threading.Lock()
        self._nursery: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._bodies = 0
        self._resting: threading.Timer | None = None

    def close(self) -> None:
        """End the nursery and every body that still runs; safe to call twice."""
        with self._starting:
            self._end()

    def _end(self) -> None:
        if self._resting is not None:
            self._resting.cancel()
            self._resting = None
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._nursery is not None:
            with suppress(subprocess.TimeoutExpired):
                self._nursery.wait(timeout=EXIT_SECONDS)
            self._nursery = None

    def resident_bytes(self) -> int:
        """Return the memory of the nursery."""
        nursery = self._nursery
        return resident_bytes(nursery.pid) if nursery is not None else 0

    def perform(self, attempt: Attempt, spec: ActorSpec, *, link: AttemptLink, state: Any) -> Ending:
        """Run one body and return how it ended. Raises TemporaryError when it cannot be started."""
        with self._spawn() as (channel, ward):
            body = ProcessBody(channel, ward)
            with suppress(OSError):
                channel.send(Begin(task=attempt.task, state=state))
            attempt.run_in(body)
            return Conversation(channel, ward, body=body, attempt=attempt, link=link).hold(spec)

    @contextmanager
    def _spawn(self) -> Iterator[tuple[Channel, socket.socket]]:
        ours, theirs = socket.socketpair()
        ward, warden = socket.socketpair()
        with ours, ward, self._busy():
            with theirs, warden, self._starting:
                control = self._ensure()
                try:
                    socket.send_fds(control, [NUMBER.pack(self._max_bytes)], [theirs.fileno(), warden.fileno()])
                except OSError as error:
                    raise TemporaryError(f"the isolating process is gone: {error}") from error
            yield Channel(ours), ward

    @contextmanager
    def _busy(self) -> Iterator[None]:
        """Keep the nursery; the last one to leave sets the time at which it ends."""
        with self._starting:
            self._bodies += 1
            if self._resting is not None:
                self._resting.cancel()
                self._resting = None
        try:
            yield
        finally:
            with self._starting:
                self._bodies -= 1
                if self._bodies == 0 and self._control is not None:
                    self._resting = threading.Timer(self._idle_seconds, self._rest)
                    self._resting.name, self._resting.daemon = "nursery", True
                    self._resting.start()

    def _rest(self) -> None:
        with self._starting:
            # A body may have come between the bell and the lock.
            if self._bodies == 0 and self._resting is not None:
                self._end()

    def _ensure(self) -> socket.socket:
        if self._control is not None and self._nursery is not None and self._nursery.poll() is None:
            return self._control
        if self._control is not None:
            self._control.close()
        self._control, theirs = socket.socketpair()
        # A signal to every process of the unit must not end it before it has learnt to ignore that.
        with theirs, signals_held():
            self._nursery = subprocess.Popen(  # noqa: S603 -- our own module
                python_command("workers.nursery", str(theirs.fileno())),
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
            )
        plan = msgspec.json.encode(self._plan)
        self._control.sendall(NUMBER.pack(len(plan)) + plan)
        return self._control
