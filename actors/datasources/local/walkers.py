"""The helper processes of a local scan, as the process sees them that started them; `walking` is what they run.

Nobody waits for anybody in a circle: this side never waits to send, and reads whatever has come while it waits. What is
asked of a helper and not yet answered is bounded, and a helper that is not read from stops when the socket is full.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import msgspec

from actors.datasources.frontier import Place
from actors.datasources.listing import folders_of, unlisted
from actors.datasources.local.walking import (
    Answer,
    Asked,
    Failed,
    Few,
    Listed,
    Part,
    Setup,
    Unchanged,
)
from actors.datasources.packed import Chunks, decode_rows, rows_of_chunks
from actors.datasources.storage import Altered, Known, Listing, Same, Unlisted
from actors.frames import FrameStream, take_frames
from rota.errors import TemporaryError

_MOST_ASKED = 3  # lists of places that a helper has at most: one that it works on, and others to go on with
# Without `site`, which is most of the start of an interpreter, and with the search path of this process.
_PROGRAM = (
    "import sys; sys.path[:] = sys.argv[2:]; from actors.datasources.local.walking import main; main(int(sys.argv[1]))"
)
_SILENCE_SECONDS = 600.0  # a folder of millions of entries takes a minute; a dead network file system for ever
_CHECK_SECONDS = 0.5
_END_SECONDS = 5.0
_READ_BYTES = 1024 * 1024

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Answer).decode


class Told(NamedTuple):
    """What a helper found at a place, and the names of the folders there."""

    place: Place
    found: Listing | Altered | Same | Unlisted
    folders: list[bytes]


class Walkers:
    """Some helper processes beneath one root; closing ends them at once."""

    def __init__(self, descriptor: int, setup: Setup, *, count: int) -> None:
        """Start them; raises TemporaryError if that is not possible."""
        self._poll = select.poll()
        self._walkers: dict[int, _Walker] = {}
        try:
            for _ in range(count):
                walker = _Walker(descriptor, setup)
                self._walkers[walker.fileno()] = walker
        except OSError as error:
            self.close()
            raise TemporaryError(f"cannot start a process that lists folders: {error.strerror or error}") from error

    def __enter__(self) -> Walkers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def have_started(self) -> bool:
        """Whether all of them list already what they are asked for; does not wait."""
        for walker in self._walkers.values():
            if not walker.has_started:
                walker.send()
                # Nothing was asked for yet, so nothing is told.
                deque(walker.receive(), maxlen=0)
        return all(walker.has_started for walker in self._walkers.values())

    @property
    def room(self) -> int:
        """How many lists of places can be asked for now."""
        return sum(_MOST_ASKED - walker.asked for walker in self._walkers.values())

    def ask(self, places: Sequence[Place], known: Mapping[bytes, Known]) -> None:
        """Let the helper with the least to do list these places."""
        min(self._walkers.values(), key=lambda walker: walker.asked).ask(places, known)

    def told(self, check: Callable[[], None] = lambda: None) -> Iterator[Told]:
        """Wait until a helper has told something, and give all that has come; `check` is called meanwhile.

        Raises TemporaryError when a helper is gone, or when all are silent for ten minutes.
        """
        came = False
        heard = time.monotonic()
        while not came:
            for walker in self._walkers.values():
                self._poll.register(walker.fileno(), select.POLLIN | (select.POLLOUT if walker.has_to_send else 0))
            ready = self._poll.poll(_CHECK_SECONDS * 1000)
            if ready:
                heard = time.monotonic()
            else:
                check()
                if time.monotonic() - heard > _SILENCE_SECONDS:
                    raise TemporaryError(f"listing folders has made no progress for {_SILENCE_SECONDS:.0f} s")
            for number, event in ready:
                walker = self._walkers[number]
                if event & select.POLLOUT:
                    walker.send()
                if event & ~select.POLLOUT:
                    for told in walker.receive():
                        came = True
                        yield told

    def close(self) -> None:
        """End the helpers, whatever they do; twice is fine."""
        for walker in self._walkers.values():
            walker.kill()
        for walker in self._walkers.values():
            walker.close()
        self._walkers.clear()


class _Walker:
    """One helper process."""

    def __init__(self, descriptor: int, setup: Setup) -> None:
        self._connection, theirs = socket.socketpair()
        with theirs:
            try:
                self._process = subprocess.Popen(  # noqa: S603 -- this interpreter, with arguments of our own
                    [sys.executable, "-S", "-c", _PROGRAM, str(descriptor), *_search_path()],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    pass_fds=[descriptor],
                )
            except BaseException:
                self._connection.close()
                raise
        self._stream = FrameStream(self._connection)
        self._stream.put(_encode(setup))
        self._asked: deque[deque[Place]] = deque()
        self._chunks = Chunks()
        self.has_started = False

    def fileno(self) -> int:
        return self._connection.fileno()

    @property
    def asked(self) -> int:
        """How many lists of places are not answered yet."""
        return len(self._asked)

    @property
    def has_to_send(self) -> bool:
        return self._stream.has_to_send

    def ask(self, places: Sequence[Place], known: Mapping[bytes, Known]) -> None:
        self._asked.append(deque(places))
        self._stream.put(_encode([_asked(place.path, known.get(place.path)) for place in places]))
        self.send()

    def send(self) -> None:
        """Send as much as goes without waiting."""
        try:
            self._stream.send()
        except OSError as error:
            raise self._gone() from error

    def receive(self) -> Iterator[Told]:
        """Give what is told completely by what has come."""
        try:
            self._stream.receive(_READ_BYTES)
        except OSError as error:
            raise self._gone() from error
        for frame in take_frames(self._stream.incoming):
            if not frame:
                self.has_started = True
                continue
            answer = _decode(frame)
            if isinstance(answer, Part):
                self._keep(bytes(answer.rows))
            else:
                yield self._told(answer)

    def _told(self, answer: Unchanged | Listed | Few | Failed) -> Told:
        place = self._asked[0].popleft()
        if not self._asked[0]:
            self._asked.popleft()
        path = place.path
        if isinstance(answer, Unchanged):
            same = Same(path=path, entries=answer.entries, bytes=answer.size, special=answer.special)
            return Told(place, same, answer.folders)
        if isinstance(answer, Failed):
            return Told(place, unlisted(path, answer.number, answer.reason), [])
        if isinstance(answer, Few):
            return Told(place, _altered(path, answer), answer.folders)
        chunks, self._chunks = self._chunks, Chunks()
        listing = Listing(
            path=path,
            token=answer.token,
            rows=rows_of_chunks(chunks),
            special=answer.special,
            digest=answer.digest,
            prints=answer.prints,
        )
        return Told(place, listing, folders_of(listing))

    def _keep(self, chunk: bytes) -> None:
        try:
            self._chunks.append(chunk)
        except OSError as error:
            raise TemporaryError(f"cannot put aside what is in a huge folder: {error.strerror or error}") from error

    def kill(self) -> None:
        self._process.kill()

    def close(self) -> None:
        self._connection.close()
        # One that hangs in a dead file system cannot even be killed; it goes when the file system comes back.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_SECONDS)

    def _gone(self) -> TemporaryError:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_SECONDS)
        return TemporaryError(f"a process that lists folders has ended (exit code {self._process.returncode})")


def _asked(path: bytes, before: Known | None) -> Asked:
    return Asked(path, before.token, before.digest, before.prints) if before else Asked(path, "", b"", b"")


def _altered(path: bytes, answer: Few) -> Altered:
    return Altered(
        path=path,
        token=answer.token,
        digest=answer.digest,
        prints=answer.prints,
        entries=answer.entries,
        bytes=answer.size,
        rows=decode_rows(answer.rows),
        missing=frozenset(answer.missing),
        special=answer.special,
    )


def _search_path() -> list[str]:
    """Give where a helper finds its modules: where this process does, and where this module was found."""
    return [*map(os.path.abspath, sys.path), str(Path(__file__).resolve().parents[3])]
