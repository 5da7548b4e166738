"""The process that matches names: reads batches from its standard input, which is a socket, and answers on it.

It imports little, for its start is waited for. It ends with its parent: the socket is closed then, and the time that a
match may take is limited besides.
"""

from __future__ import annotations

import re
import resource
import socket
from typing import Any

import msgspec

from actors.frames import framed, frames_of

_CPU_SECONDS = 3600
_MEMORY_BYTES = 1024 * 1024 * 1024


def main() -> None:
    """Answer batch after batch until the other side is gone."""
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    replacer: Replacer | None = None
    with socket.socket(fileno=0) as connection:
        for frame in frames_of(connection.makefile("rb")):
            question = msgspec.msgpack.decode(frame)
            try:
                if replacer is None:
                    replacer = Replacer(**question)
                    answer: dict[str, Any] = {}
                else:
                    answer = {"names": [replacer.replaced(name) for name in question["names"]]}
            except (re.error, IndexError, OverflowError, RecursionError, MemoryError) as error:
                answer = {"problem": str(error) or type(error).__name__}
            connection.sendall(framed(msgspec.msgpack.encode(answer)))


class Replacer:
    """A compiled pattern and what its matches become."""

    def __init__(self, *, pattern: str, replacement: str, ignore_case: bool) -> None:
        self._pattern = re.compile(pattern, re.IGNORECASE if ignore_case else 0)
        self._replacement = replacement

    def replaced(self, name: bytes) -> bytes:
        """Give what a name becomes; bytes that are no UTF-8 are one odd character each."""
        text = name.decode("utf-8", "surrogateescape")
        return self._pattern.sub(self._replacement, text).encode("utf-8", "surrogateescape")
