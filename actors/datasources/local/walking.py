"""A helper process of a local scan: lists the folders that it is asked for, and answers in the order of asking.

Python threads cannot list together, because the interpreter's lock is held between two system calls; processes can. A
helper is a fresh interpreter, never a fork of the process that scans, which has threads. It inherits the descriptor of
the root, so it lists beneath the very folder that the scan opened. It ends when its connection does: with its parent.

Both directions carry frames of msgpack. The first frame to a helper is a `Setup`, the others are lists of `Asked`. The
first frame from a helper is empty and says that it has started, the others are answers.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import sys
from collections.abc import Iterator

import msgspec

from actors.datasources.digest import digest_of_chunks
from actors.datasources.globs import Selection
from actors.datasources.local.reading import chosen, read_folder
from actors.datasources.openat2 import open_by_steps
from actors.datasources.paths import Root
from actors.datasources.prints import prints_of_chunks
from actors.frames import framed, frames_of

_FULL_BYTES = 128 * 1024  # answers are gathered up to this: a call each would cost more than listing small folders


class Setup(msgspec.Struct, array_like=True, frozen=True):
    """What all folders have in common."""

    by_steps: bool
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    whole: bool = False


class Asked(msgspec.Struct, array_like=True, frozen=True):
    """A folder to list, with what is known of it; all empty if it is not."""

    path: bytes
    token: str
    digest: bytes
    prints: bytes


class Unchanged(msgspec.Struct, array_like=True, frozen=True, tag=0):
    """The folder has the token and the digest that are known."""

    entries: int
    size: int
    special: int
    folders: list[bytes]


class Part(msgspec.Struct, array_like=True, frozen=True, tag=1):
    """Rows of a folder, sorted by name; more follow in the next answer."""

    rows: msgspec.Raw


class Listed(msgspec.Struct, array_like=True, frozen=True, tag=2):
    """All rows of a folder were told now."""

    token: str
    digest: bytes
    prints: bytes
    special: int


class Few(msgspec.Struct, array_like=True, frozen=True, tag=4):
    """Few rows of the folder differ from what the known prints tell."""

    token: str
    digest: bytes
    prints: bytes
    entries: int
    size: int
    special: int
    folders: list[bytes]
    rows: msgspec.Raw
    missing: list[int]


class Failed(msgspec.Struct, array_like=True, frozen=True, tag=3):
    """The folder was not listed."""

    number: int
    reason: str


Answer = Unchanged | Part | Listed | Few | Failed


def answers(root: Root, asked: Asked, selection: Selection | None) -> Iterator[Answer]:
    """List one folder; several answers tell one of many rows."""
    try:
        content = read_folder(root, asked.path, selection)
    except OSError as error:
        yield Failed(error.errno or 0, error.strerror or str(error))
        return
    token, chunks, entries, size, special, folders = content
    digest = digest_of_chunks(chunks)
    if (token, digest) == (asked.token, asked.digest):
        yield Unchanged(entries, size, special, folders)
        return
    prints = prints_of_chunks(chunks)
    few = prints.few(asked.prints)
    if few is not None:
        rows = msgspec.Raw(few.rows)
        yield Few(token, digest, prints.packed(), entries, size, special, folders, rows, few.missing)
        return
    for chunk in chunks:
        yield Part(msgspec.Raw(chunk))
    yield Listed(token, digest, prints.packed(), special)


def serve(connection: socket.socket, descriptor: int) -> None:
    """Answer until the other side is gone; takes over the descriptor of the root."""
    frames = frames_of(connection.makefile("rb"))
    setup = msgspec.msgpack.decode(next(frames), type=Setup)
    selection = chosen(Selection(whole=True) if setup.whole else Selection(setup.include, setup.exclude))
    decode = msgspec.msgpack.Decoder(list[Asked]).decode
    encode = msgspec.msgpack.Encoder().encode
    with Root(descriptor, opener=open_by_steps if setup.by_steps else None) as root:
        connection.sendall(framed(b""))
        for frame in frames:
            gathered = bytearray()
            for asked in decode(frame):
                for answer in answers(root, asked, selection):
                    gathered += framed(encode(answer))
                    if len(gathered) >= _FULL_BYTES:
                        connection.sendall(gathered)
                        gathered.clear()
            connection.sendall(gathered)


def main(descriptor: str) -> None:
    """Serve on the socket that is the standard input, beneath the root that was inherited as this descriptor."""
    # Whoever stops the worker stops all of its processes at once. The scan has to reach its checkpoint nevertheless,
    # and ends its helpers itself; should it be killed, the connection is closed.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    with contextlib.suppress(ConnectionError, StopIteration), socket.socket(fileno=sys.stdin.fileno()) as connection:
        serve(connection, int(descriptor))
