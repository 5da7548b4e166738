"""The helper processes of a local scan, as the process sees them that started them; `walking` is what they run.

What is asked of a helper and not yet answered is bounded.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from actors.datasources.frontier import Place
from actors.datasources.listing import folders_of, unlisted
from actors.datasources.local.helpers import Helper, Helpers
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
from rota.errors import TemporaryError

_MOST_ASKED = 3  # lists of places that a helper has at most: one that it works on, and others to go on with
_MODULE = "actors.datasources.local.walking"
_DUTY = "lists folders"
_CHECK_SECONDS = 0.5

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Answer).decode


class Told(NamedTuple):
    """What a helper found at a place, and the names of the folders there."""

    place: Place
    found: Listing | Altered | Same | Unlisted
    folders: list[bytes]


class Walkers(Helpers["_Walker"]):
    """Some helper processes beneath one root; closing ends them at once."""

    def __init__(self, descriptor: int, setup: Setup, *, count: int) -> None:
        """Start them; raises TemporaryError if that is not possible."""
        super().__init__(lambda: _Walker(descriptor, setup), count=count, duty=_DUTY)

    @property
    def room(self) -> int:
        """How many lists of places can be asked for now."""
        return sum(_MOST_ASKED - walker.asked for walker in self)

    def ask(self, places: Sequence[Place], known: Mapping[bytes, Known]) -> None:
        """Let the helper with the least to do list these places."""
        min(self, key=lambda walker: walker.asked).ask(places, known)

    def told(self, check: Callable[[], None] = lambda: None) -> Iterator[Told]:
        """Wait until a helper has told something, and give all that has come; `check` is called meanwhile.

        Raises TemporaryError when a helper is gone, or when all are silent for ten minutes.
        """
        came = False
        while not came:
            for walker in self.speaking(check, seconds=_CHECK_SECONDS):
                for told in walker.receive():
                    came = True
                    yield told


class _Walker(Helper):
    """One helper process."""

    def __init__(self, descriptor: int, setup: Setup) -> None:
        super().__init__(_MODULE, [descriptor], _encode(setup), duty=_DUTY)
        self._asked: deque[deque[Place]] = deque()
        self._chunks = Chunks()

    @property
    def asked(self) -> int:
        """How many lists of places are not answered yet."""
        return len(self._asked)

    def ask(self, places: Sequence[Place], known: Mapping[bytes, Known]) -> None:
        self._asked.append(deque(places))
        self.put(_encode([_asked(place.path, known.get(place.path)) for place in places]))

    def receive(self) -> Iterator[Told]:
        """Give what is told completely by what has come."""
        for frame in self.frames():
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
