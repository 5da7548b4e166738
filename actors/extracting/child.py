"""A reading process: reads the text out of the files that it is handed, one after the other.

It is a fresh interpreter, never a fork of the worker, and knows no settings. Before the first file it is limited and
confined. It ends when its connection does: with its parent. `wire` says what is on the connection.
"""

from __future__ import annotations

import contextlib
import io
import os
import resource
import signal
import socket
import sys
from importlib import import_module
from typing import BinaryIO

import msgspec

from actors.extracting.confinement import confine, die_with_parent
from actors.extracting.extractor import Extractor, Limits
from actors.extracting.limits import limit_file, limit_process
from actors.extracting.outcomes import Failed, Reason
from actors.extracting.verdict import tidy, tidy_message, verdict_of
from actors.extracting.wire import Answer, Asked, Nothing, Setup, Started, Text
from actors.frames import framed, frames_of


class _Shelf:
    """The extractors, each imported when a file needs it."""

    def __init__(self, places: list[str]) -> None:
        self._places = places
        self._taken: dict[int, Extractor] = {}

    def take(self, number: int) -> Extractor:
        taken = self._taken.get(number)
        if taken is None:
            module, _, attribute = self._places[number].partition(":")
            taken = getattr(import_module(module), attribute)
            assert isinstance(taken, Extractor)
            self._taken[number] = taken
        return taken


def answer_to(extractor: Extractor, file: BinaryIO, limits: Limits) -> Answer:
    """Read one file; whatever goes wrong is an answer."""
    try:
        text, meta = tidy(extractor.extract(file, limits), limits.most_text)
        return Text(text, list(meta))
    except BaseException as error:  # SystemExit too: an extractor must not end the process
        return _told(verdict_of(error))


def serve(connection: socket.socket, files: socket.socket) -> None:
    """Answer until the other side is gone."""
    frames = frames_of(connection.makefile("rb"))
    setup = msgspec.msgpack.decode(next(frames), type=Setup)
    decode = msgspec.msgpack.Decoder(list[Asked]).decode
    encode = msgspec.msgpack.Encoder().encode
    shelf = _Shelf(setup.extractors)
    limit_process(setup.limits)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    connection.sendall(framed(encode(Started(confine(setup.readable), peak))))
    for frame in frames:
        for asked in decode(frame):
            # One by one: the other side has to know which file it was when this process is ended by one.
            connection.sendall(framed(encode(_answer(shelf, asked, files, setup.limits))))


def _answer(shelf: _Shelf, asked: Asked, files: socket.socket, limits: Limits) -> Answer:
    with _content(asked, files) as file:
        limit_file(limits)
        try:
            extractor = shelf.take(asked.extractor)
        except MemoryError as error:
            return _told(verdict_of(error))
        except BaseException as error:  # whatever a foreign module raises on import
            message = f"its extractor cannot be loaded: {type(error).__name__}: {error}"
            return _told(Failed(Reason.FAILED, tidy_message(message)))
        return answer_to(extractor, file, limits)


def _content(asked: Asked, files: socket.socket) -> BinaryIO:
    if asked.content is not None:
        return io.BytesIO(asked.content)
    _, [descriptor], _, _ = socket.recv_fds(files, 1, 1)
    file = os.fdopen(descriptor, "rb")
    file.seek(0)
    return file


def _told(failed: Failed) -> Nothing:
    return Nothing(failed.reason, failed.message)


def main(descriptor: int) -> None:
    """Serve on the socket that is the standard input; large files come on the one that was inherited as this."""
    # Whoever stops the worker stops all of its processes at once; it ends its reading processes itself.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    die_with_parent()
    connection = socket.socket(fileno=os.dup(sys.stdin.fileno()))
    # What an extractor reads from its standard input is nothing, and what it prints goes nowhere.
    with open(os.devnull, "rb") as nowhere:  # noqa: PTH123 -- pathlib is not imported otherwise
        os.dup2(nowhere.fileno(), sys.stdin.fileno())
    with (
        contextlib.suppress(ConnectionError, StopIteration),
        connection,
        socket.socket(fileno=descriptor) as files,
    ):
        serve(connection, files)
