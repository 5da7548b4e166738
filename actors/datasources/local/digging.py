"""A helper process of a local purge: does the tasks that it is asked for, several at a time where the disk is slow.

It inherits the descriptors of bin and tomb, so it works in the very folders that the purge opened. It ends when its
connection does, in the middle of whatever it does: with the one who started it. What it was asked for and has not
answered is found in the tomb by the next purge.

Both directions carry frames of msgpack. The first frame to it is a `Setup`, the others are lists of tasks. The first
frame from it is empty and says that it has started, the others are lists of answers.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from queue import SimpleQueue

import msgspec

from actors.datasources.digger import Digger
from actors.datasources.digging import Pace
from actors.datasources.graves import Task
from actors.datasources.local.graves import Ground, LocalDigger
from actors.datasources.openat2 import open_beneath, open_by_steps
from actors.frames import framed, frames_of

_MOST_THREADS = 8


class Setup(msgspec.Struct, array_like=True, frozen=True):
    """What all tasks have in common."""

    by_steps: bool


class Shift:
    """The threads of one helper: one to begin with, more while they mostly wait for the disk."""

    def __init__(self, digger: Digger[int], send: Callable[[bytes], None]) -> None:
        self._digger = digger
        self._send = send
        self._lists: SimpleQueue[bytes] = SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._decode = msgspec.msgpack.Decoder(list[Task]).decode

    def ask(self, tasks: bytes) -> None:
        """Let a thread do these tasks."""
        self._lists.put(tasks)
        if not self._threads:
            self._hire()

    def _hire(self) -> None:
        self._threads += 1
        threading.Thread(target=self._work, name="dig", daemon=True).start()

    def _work(self) -> None:
        encode = msgspec.msgpack.Encoder().encode
        try:
            while True:
                tasks = self._decode(self._lists.get())
                pace = Pace()
                answers = self._digger.dig(tasks, _go_on)
                is_waiting = pace.is_waiting
                with self._lock:
                    self._send(framed(encode(answers)))
                    if is_waiting and self._threads < _MOST_THREADS:
                        self._hire()
        except BaseException:
            # Nobody is left to tell: the one who asked sees that the connection has ended.
            sys.excepthook(*sys.exc_info())
            os._exit(1)


def serve(connection: socket.socket, ground: Ground) -> None:
    """Work until the other side is gone."""
    frames = frames_of(connection.makefile("rb"))
    setup = msgspec.msgpack.decode(next(frames), type=Setup)
    shift = Shift(LocalDigger(ground, open_by_steps if setup.by_steps else open_beneath), connection.sendall)
    connection.sendall(framed(b""))
    for frame in frames:
        shift.ask(frame)


def main(descriptors: str) -> None:
    """Serve on the socket that is the standard input, with the bin and the tomb that were inherited."""
    # Whoever stops the worker stops all of its processes at once. The purge has to end in an orderly way nevertheless,
    # and ends its helpers itself; should it be killed, the connection is closed.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    with contextlib.suppress(ConnectionError, StopIteration), socket.socket(fileno=sys.stdin.fileno()) as connection:
        serve(connection, Ground(*map(int, descriptors.split(","))))
    os._exit(0)  # threads may be in the middle of something


def _go_on() -> None:
    """Nothing: a helper whose answers nobody needs is killed."""
