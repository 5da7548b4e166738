"""Frames on a byte stream between a process and its helpers: four bytes of length, then so many bytes."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import BinaryIO

LENGTH_BYTES = 4


def framed(payload: bytes) -> bytes:
    """Give a frame with this payload."""
    return len(payload).to_bytes(LENGTH_BYTES) + payload


def frames_of(reading: BinaryIO) -> Iterator[bytes]:
    """Give the payloads of the frames that come, until the stream ends, and close it; a frame cut off is not told."""
    with reading:
        while len(head := reading.read(LENGTH_BYTES)) == LENGTH_BYTES:
            payload = reading.read(size := int.from_bytes(head))
            if len(payload) < size:
                return
            yield payload


def take_frames(received: bytearray, *, largest: int | None = None) -> Iterator[bytearray]:
    """Take the payloads of the whole frames out of what was received, and leave the rest in it.

    Raises ValueError when one is announced that is larger than allowed.
    """
    start = 0
    try:
        while len(received) >= (body := start + LENGTH_BYTES):
            size = int.from_bytes(received[start:body])
            if largest is not None and size > largest:
                raise ValueError(f"a frame of {size} bytes is announced, at most {largest} are allowed")
            if len(received) < body + size:
                return
            start = body + size
            yield received[body:start]
    finally:
        del received[:start]


class FrameStream:
    """Frames to and from a helper over a connection that never waits."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self._connection = connection
        self._outgoing = bytearray()
        self.incoming = bytearray()
        """What has come and was not taken yet; see `take_frames`."""

    @property
    def has_to_send(self) -> bool:
        """Whether something waits for the helper to take it."""
        return bool(self._outgoing)

    def put(self, payload: bytes) -> None:
        """Have a frame sent."""
        self._outgoing += framed(payload)

    def send(self) -> None:
        """Send as much as goes without waiting; raises OSError when the helper is gone."""
        with contextlib.suppress(BlockingIOError):
            while self._outgoing:
                del self._outgoing[: self._connection.send(self._outgoing)]

    def receive(self, most: int) -> int:
        """Take what has come, and give how many bytes that is; raises OSError when the helper is gone."""
        try:
            received = self._connection.recv(most)
        except BlockingIOError:
            return 0
        if not received:
            raise ConnectionResetError("the helper has closed the connection")
        self.incoming += received
        return len(received)
