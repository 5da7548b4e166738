"""What a child tells its supervisor: figures every two seconds, and that it wants to be replaced."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from workers.tallies import Counted

_LENGTH = struct.Struct("!I")
MAX_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What one child counted since its start, and its gauges of this moment.

    `counted` holds (metric, label values, cells) as `workers.tallies` keeps them. `leaving` is why the child stops by
    itself, empty as long as it does not. `watch` says that there are folders which this worker is to watch.
    """

    counted: list[Counted] = field(default_factory=list)
    gauges: dict[str, float] = field(default_factory=dict)
    leaving: str = ""
    watch: bool = False


def write_figures(connection: socket.socket, figures: Figures) -> None:
    """Send figures; raises OSError when the supervisor is gone."""
    data = json.dumps(asdict(figures)).encode()
    connection.sendall(_LENGTH.pack(len(data)) + data)


class FiguresReader:
    """Reads the figures of one child from a socket that does not block."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self._connection = connection
        self._received = bytearray()

    def read(self) -> Iterator[Figures]:
        """Yield what has come; raises EOFError when the child has closed its end, ValueError for what is no figures."""
        closed = False
        try:
            while data := self._connection.recv(65_536):
                self._received += data
            closed = True
        except BlockingIOError:
            pass
        except ConnectionError:
            closed = True
        yield from self._complete()
        if closed:
            raise EOFError

    def _complete(self) -> Iterator[Figures]:
        while len(self._received) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._received)
            if length > MAX_BYTES:
                raise ValueError(f"figures of {length} bytes")
            end = _LENGTH.size + length
            if len(self._received) < end:
                return
            said: dict[str, Any] = json.loads(self._received[_LENGTH.size : end])
            del self._received[:end]
            counted = [(name, tuple(labels), cells) for name, labels, cells in said["counted"]]
            yield Figures(counted=counted, gauges=said["gauges"], leaving=said["leaving"], watch=said["watch"])
