"""Writes a manifest that appears whole or not at all, and that outlives the process while it is being written.

What is written of it is kept now and then as a piece beside it, under the private name of a draft of the task: who
cleans up leftovers knows whose it is. In the end the pieces are put together into one file. So any storage can do it,
whether or not it can go on with a file that was begun.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from actors.datasources.drafts import draft_of
from actors.datasources.paths import split, text_of
from actors.datasources.storage import Kind, Storage
from actors.run import Run
from rota.errors import PermanentError

MOST_BYTES = 2 * 1024 * 1024
"""How much is in memory before it is kept."""
_PIECE_BYTES = 1024 * 1024


class Manifest:
    """The lines of a manifest, in the order in which they come."""

    def __init__(self, storage: Storage, path: bytes, *, task: str, confirm: Callable[[], None]) -> None:
        """Begin one; `confirm` is called before anything that is written gets its name."""
        self._storage = storage
        self._path = path
        self._task = task
        self._confirm = confirm
        self._lines = bytearray()
        self.pieces = 0
        """How many are kept."""
        self.kept_bytes = 0
        """What is in them."""

    @property
    def is_worth_keeping(self) -> bool:
        """Whether so much is in memory that it should be kept."""
        return len(self._lines) >= MOST_BYTES

    def resume(self, pieces: int, kept_bytes: int) -> bool:
        """Go on behind these pieces; false if they are not there any more as they were."""
        rows = (self._storage.stat(self._piece(number)) for number in range(pieces))
        if sum(row.size if row else 0 for row in rows) != kept_bytes:
            return False
        self.pieces, self.kept_bytes = pieces, kept_bytes
        return True

    def add(self, line: bytes) -> None:
        """Write a line."""
        self._lines += line

    def keep(self) -> None:
        """Make safe what is in memory."""
        if not self._lines:
            return
        self._storage.write(self._piece(self.pieces), [bytes(self._lines)], confirm=self._confirm)
        self.pieces += 1
        self.kept_bytes += len(self._lines)
        self._lines.clear()

    def publish(self) -> None:
        """Give the whole its name, in place of whatever file had it; raises PermanentError where it cannot."""
        try:
            self._storage.write(self._path, _Whole(self._contents), confirm=self._confirm)
        except OSError as error:
            reason = error.strerror or error
            raise PermanentError(f"the manifest {text_of(self._path)!r} cannot be written: {reason}") from error
        self.discard()

    def discard(self) -> None:
        """Remove what was kept, also what an attempt kept that was killed before it could say so."""
        number = 0
        while number < self.pieces or self._storage.stat(self._piece(number)) is not None:
            self._storage.delete(self._piece(number))
            number += 1

    def _contents(self) -> Iterator[bytes]:
        for number in range(self.pieces):
            with self._storage.open_file(self._piece(number)) as file:
                while piece := file.read(_PIECE_BYTES):
                    yield piece
        yield bytes(self._lines)

    def _piece(self, number: int) -> bytes:
        return draft_of(self._path + b".%06d" % number, self._task)


class _Whole:
    """Something that can be gone through again and again, so that a write that failed can be repeated."""

    def __init__(self, begin: Callable[[], Iterator[bytes]]) -> None:
        self._begin = begin

    def __iter__(self) -> Iterator[bytes]:
        return self._begin()


def begin_manifest(run: Run, storage: Storage, path: bytes) -> Manifest:
    """Begin a manifest; raises PermanentError where it could not get its name in the end."""
    storage.verify()
    there, folder = storage.stat(path), split(path)[0]
    if there is not None and there.kind != Kind.FILE:
        raise PermanentError(f"the manifest cannot be {text_of(path)!r}: a {there.kind} is there")
    if folder and storage.capabilities.folders:
        above = storage.stat(folder)
        if above is None or above.kind != Kind.FOLDER:
            raise PermanentError(f"the manifest cannot be {text_of(path)!r}: there is no such folder")
    return Manifest(storage, path, task=run.task, confirm=run.confirm)


def refuse_outside(paths: Sequence[bytes], folder: bytes) -> None:
    """Raise PermanentError for a path that a manifest in this folder cannot name."""
    for path in paths:
        if folder and path != folder and not path.startswith(folder + b"/"):
            raise PermanentError(
                f"{text_of(path) or 'the root'!r} is not below {text_of(folder)!r}: a manifest lies in a folder above"
                " all that it names"
            )
