"""What a worker and the process of an isolated body say to each other, as length-prefixed JSON."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from typing import Any

import msgspec

from rota.errors import BusUnavailable, LeaseLost, PermanentError, RotaError
from rota.events import Event
from rota.messages import TaskMessage
from workers.endings import Ending
from workers.reports import Taken
from workers.stops import Stop

MAX_FRAME_BYTES = 4 * 1024 * 1024
"""More than any report or result may take; beyond it the other side is not what we think."""

_LENGTH = struct.Struct("!I")


class Begin(msgspec.Struct, frozen=True, kw_only=True, tag="begin"):
    """To the body: do this."""

    task: TaskMessage
    state: Any = None


class Asked(msgspec.Struct, frozen=True, kw_only=True, tag="asked"):
    """To the body: it shall end, or, with None, it may go on."""

    stop: Stop | None


class Pressed(msgspec.Struct, frozen=True, kw_only=True, tag="pressed"):
    """To the body: it did not end in time, and is interrupted."""


class Answer(msgspec.Struct, frozen=True, kw_only=True, tag="answer"):
    """To the body: what became of a question; without an error it was granted. `sealed` is what was asked for."""

    n: int
    sealed: bytes | None = None
    error: str | None = None
    message: str = ""


class Report(msgspec.Struct, frozen=True, kw_only=True, tag="report"):
    """From the body: what it said."""

    taken: Taken


class Question(msgspec.Struct, frozen=True, kw_only=True, tag="question"):
    """From the body: publish this event, or give the ciphertext of this id, or, without either, confirm the lease."""

    n: int
    event: Event | None = None
    sealed: str | None = None


class Ended(msgspec.Struct, frozen=True, kw_only=True, tag="ended"):
    """From the body, its last word."""

    ending: Ending


Frame = Begin | Asked | Pressed | Answer | Report | Question | Ended

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Frame).decode

_ERRORS: dict[str, type[RotaError]] = {error.__name__: error for error in (LeaseLost, BusUnavailable, PermanentError)}


def answer_of(n: int, error: RotaError) -> Answer:
    """Return the answer that makes the other side raise the same error, as far as it knows it."""
    known = next((name for name, kind in _ERRORS.items() if isinstance(error, kind)), PermanentError.__name__)
    return Answer(n=n, error=known, message=str(error))


def error_of(answer: Answer) -> RotaError | None:
    """Return the error of an answer, None when the question was granted."""
    return None if answer.error is None else _ERRORS[answer.error](answer.message)


class Channel:
    """Sends and receives frames over a socket; any thread may send, one receives."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._sending = threading.Lock()
        self._received = bytearray()

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self._connection.fileno()

    def send(self, frame: Frame) -> None:
        """Send a frame; raises OSError when the other side is gone."""
        data = _encode(frame)
        with self._sending:
            self._connection.sendall(_LENGTH.pack(len(data)) + data)

    def receive(self) -> bool:
        """Read what has come, waiting for the first byte; False when the other side is gone or the time is over."""
        try:
            data = self._connection.recv(65_536)
        except (ConnectionError, OSError):
            return False
        self._received += data
        return bool(data)

    def stop_waiting(self) -> None:
        """Let `receive` from now on take only what is there already."""
        self._connection.setblocking(False)

    def frames(self) -> Iterator[Frame]:
        """Yield the frames that are complete; raises ValueError for one that cannot be read."""
        while len(self._received) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._received)
            if length > MAX_FRAME_BYTES:
                raise ValueError(f"a frame of {length} bytes")
            end = _LENGTH.size + length
            if len(self._received) < end:
                return
            data = bytes(self._received[_LENGTH.size : end])
            del self._received[:end]
            yield _decode(data)

    def close(self) -> None:
        """Close the socket; safe to call twice."""
        self._connection.close()
