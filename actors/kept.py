"""Keeps what is written bit by bit safe beside the file that it belongs to, on any storage, until a task has ended.

Each piece is a small file under the private name of a draft of the task: who cleans up leftovers knows whose it is. So
it works whether or not a storage can go on with a file that was begun.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from actors.datasources.drafts import draft_of
from actors.datasources.storage import Storage

MOST_BYTES = 2 * 1024 * 1024
"""How much is in memory before it is kept."""
_PIECE_BYTES = 1024 * 1024


class Kept:
    """Bytes that outlive the process, in the order in which they came."""

    def __init__(self, storage: Storage, path: bytes, *, task: str, confirm: Callable[[], None]) -> None:
        """Begin; `path` is what the pieces lie beside. `confirm` is called before one of them gets its name."""
        self._storage = storage
        self._path = path
        self._task = task
        self._confirm = confirm
        self._waiting = bytearray()
        self.pieces = 0
        """How many are kept."""
        self.kept_bytes = 0
        """What is in them."""

    @property
    def is_worth_keeping(self) -> bool:
        """Whether so much is in memory that it should be kept."""
        return len(self._waiting) >= MOST_BYTES

    def resume(self, pieces: int, kept_bytes: int) -> bool:
        """Go on behind these pieces; false if they are not there any more as they were."""
        rows = (self._storage.stat(self._piece(number)) for number in range(pieces))
        if sum(row.size if row else 0 for row in rows) != kept_bytes:
            return False
        self.pieces, self.kept_bytes = pieces, kept_bytes
        return True

    def add(self, data: bytes) -> None:
        """Write what follows."""
        self._waiting += data

    def keep(self) -> None:
        """Make safe what is in memory."""
        if not self._waiting:
            return
        self._storage.write(self._piece(self.pieces), [bytes(self._waiting)], confirm=self._confirm)
        self.pieces += 1
        self.kept_bytes += len(self._waiting)
        self._waiting.clear()

    def contents(self) -> Iterator[bytes]:
        """Give all of it, also what is not kept yet."""
        for number in range(self.pieces):
            with self._storage.open_file(self._piece(number)) as file:
                while piece := file.read(_PIECE_BYTES):
                    yield piece
        yield bytes(self._waiting)

    def discard(self) -> None:
        """Remove what was kept, also what an attempt kept that was killed before it could say so."""
        number = self.pieces
        while self._storage.stat(self._piece(number)) is not None:
            number += 1
        # The last one first: killed in the middle of it, another attempt finds the others.
        for each in reversed(range(number)):
            self._storage.delete(self._piece(each))

    def _piece(self, number: int) -> bytes:
        return draft_of(self._path + b".%06d" % number, self._task)


class Whole:
    """Something that can be gone through again and again, so that a write that failed can be repeated."""

    def __init__(self, begin: Callable[[], Iterator[bytes]]) -> None:
        self._begin = begin

    def __iter__(self) -> Iterator[bytes]:
        return self._begin()
