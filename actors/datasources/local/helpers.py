"""Helper processes of this one: fresh interpreters with the modules of this one, connected by a socket.

Nobody waits for anybody in a circle: this side never waits to send, and reads whatever has come while it waits. A
helper that is not read from stops when the socket is full, and one whose connection ends, ends.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Generic, Self, TypeVar

from actors.frames import FrameStream, take_frames
from rota.errors import TemporaryError

# Without `site`, which is most of the start of an interpreter, and with the search path of this process.
_PROGRAM = "import sys; sys.path[:] = sys.argv[2:]; from {module} import main; main(sys.argv[1])"
_SILENCE_SECONDS = 600.0  # a folder of millions of entries takes a minute; a dead network file system for ever
_END_SECONDS = 5.0
_READ_BYTES = 1024 * 1024


class Helper:
    """One helper process."""

    def __init__(self, module: str, descriptors: Sequence[int], setup: bytes, *, duty: str) -> None:
        """Start it; raises OSError if that is not possible.

        `main` of the module is called with the numbers of the descriptors that it inherits, joined by commas. `setup`
        is the first frame to it. `duty` says what it does, for messages.
        """
        self._duty = duty
        self._connection, theirs = socket.socketpair()
        with theirs:
            try:
                self._process = subprocess.Popen(  # noqa: S603 -- this interpreter, with arguments of our own
                    [
                        *(sys.executable, "-S", "-c", _PROGRAM.format(module=module)),
                        *(",".join(map(str, descriptors)), *_search_path()),
                    ],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    pass_fds=descriptors,
                )
            except BaseException:
                self._connection.close()
                raise
        self._stream = FrameStream(self._connection)
        self._stream.put(setup)
        self.has_started = False

    def fileno(self) -> int:
        """Give the descriptor of the connection."""
        return self._connection.fileno()

    @property
    def has_to_send(self) -> bool:
        """Whether something waits for the helper to take it."""
        return self._stream.has_to_send

    def put(self, payload: bytes) -> None:
        """Send a frame, as much of it as goes without waiting."""
        self._stream.put(payload)
        self.send()

    def send(self) -> None:
        """Send as much as goes without waiting."""
        try:
            self._stream.send()
        except OSError as error:
            raise self._gone() from error

    def frames(self) -> Iterator[bytearray]:
        """Give the frames that have come; the first one is empty, says that it has started, and is not given."""
        try:
            self._stream.receive(_READ_BYTES)
        except OSError as error:
            raise self._gone() from error
        for frame in take_frames(self._stream.incoming):
            if frame:
                yield frame
            else:
                self.has_started = True

    def kill(self) -> None:
        """End it, whatever it does."""
        self._process.kill()

    def close(self) -> None:
        """Wait for its end."""
        self._connection.close()
        # One that hangs in a dead file system cannot even be killed; it goes when the file system comes back.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_SECONDS)

    def _gone(self) -> TemporaryError:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_SECONDS)
        return TemporaryError(f"a process that {self._duty} has ended (exit code {self._process.returncode})")


H = TypeVar("H", bound=Helper)


class Helpers(Generic[H]):
    """Some helper processes with the same duty; closing ends them at once."""

    def __init__(self, start: Callable[[], H], *, count: int, duty: str) -> None:
        """Start them; raises TemporaryError if that is not possible."""
        self._duty = duty
        self._poll = select.poll()
        self._helpers: dict[int, H] = {}
        try:
            for _ in range(count):
                helper = start()
                self._helpers[helper.fileno()] = helper
        except OSError as error:
            self.close()
            raise TemporaryError(f"cannot start a process that {duty}: {error.strerror or error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[H]:
        return iter(self._helpers.values())

    @property
    def have_started(self) -> bool:
        """Whether all of them have; does not wait. Only before anything is asked of them."""
        for helper in self:
            if not helper.has_started:
                helper.send()
                for _ in helper.frames():
                    pass  # nothing was asked for yet, so nothing is told
        return all(helper.has_started for helper in self)

    def speaking(self, check: Callable[[], None], *, seconds: float) -> list[H]:
        """Wait until some of them have told something, and give these; `check` is called so often meanwhile.

        Sends what waits. Raises TemporaryError when a helper is gone, or when all are silent for ten minutes.
        """
        silent_until = time.monotonic() + _SILENCE_SECONDS
        while not (speaking := self.heard(seconds)):
            check()
            if time.monotonic() > silent_until:
                raise TemporaryError(f"no process that {self._duty} has said anything for {_SILENCE_SECONDS:.0f} s")
        return speaking

    def heard(self, seconds: float) -> list[H]:
        """Give those who have told something within this time, which may be none; sends what waits."""
        for helper in self:
            self._poll.register(helper.fileno(), select.POLLIN | (select.POLLOUT if helper.has_to_send else 0))
        speaking = []
        for number, event in self._poll.poll(seconds * 1000):
            helper = self._helpers[number]
            if event & select.POLLOUT:
                helper.send()
            if event & ~select.POLLOUT:
                speaking.append(helper)
        return speaking

    def close(self) -> None:
        """End the helpers, whatever they do; twice is fine."""
        for helper in self:
            helper.kill()
        for helper in self:
            helper.close()
        self._helpers.clear()


def _search_path() -> list[str]:
    """Give where a helper finds its modules: where this process does, and where this module was found."""
    return [*map(os.path.abspath, sys.path), str(Path(__file__).resolve().parents[3])]
