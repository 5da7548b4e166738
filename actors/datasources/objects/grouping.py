"""Groups the keys of a flat listing into folders, while they come. Pure.

Keys come in order, so all that is below a folder comes in one stretch: a folder is complete when the keys have left it.
Only the folders on the way to the last key are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from actors.datasources.globs import Selection
from actors.datasources.listing import make_listing
from actors.datasources.objects.pages import Object
from actors.datasources.paths import is_private, is_within, join
from actors.datasources.storage import Kind, Listing, Row
from rota.errors import PermanentError

_NO_NAMES = frozenset({b"", b".", b".."})
_FILE = Kind.FILE.value


@dataclass(slots=True)
class Gathered:
    """What is known of a folder: all of it, or as much as one part of a listing has."""

    path: bytes
    files: list[Row] = field(default_factory=list)
    folders: set[bytes] = field(default_factory=set)
    odd: set[bytes] = field(default_factory=set)
    """Names that cannot be an entry's."""

    def join(self, other: Gathered) -> None:
        """Take in what another part of the listing has."""
        self.files += other.files
        self.folders |= other.folders
        self.odd |= other.odd

    def listing(self, selection: Selection) -> Listing:
        """Give it as a listing."""
        rows = [*self.files, *(Row(name, Kind.FOLDER.value, 0, 0) for name in self.folders)]
        return make_listing(self.path, rows, selection=selection, special=len(self.odd))


class Grouping:
    """Takes the keys of one branch in order and gives its folders as they become complete."""

    def __init__(self, path: bytes, selection: Selection) -> None:
        """Expect keys below this folder."""
        self._path = path
        self._selection = selection
        self._open: list[Gathered] = []
        self._skipped: bytes | None = None

    @property
    def skipped(self) -> bytes | None:
        """The prefix of which nothing counts, if the last key has one."""
        return self._skipped

    @property
    def way(self) -> list[bytes]:
        """The folders that are open, from the top down."""
        return [gathered.path for gathered in self._open]

    def add(self, objects: Iterable[Object]) -> Iterator[Gathered]:
        """Take more objects, their keys relative to the datasource; gives the folders that they leave behind.

        Raises PermanentError if the keys are not in order.
        """
        current = self._open[-1] if self._open else None
        for key, size, modified_ns, etag in objects:
            if self._skipped is not None:
                if key.startswith(self._skipped):
                    continue
                self._skipped = None
            folder, slash, name = key.rpartition(b"/")
            if current is None or folder != current.path or (slash and not folder):
                yield from self._leave(folder)
                counts = self._enter(folder, inside=bool(slash))
                current = self._open[-1]
                if not counts:
                    continue
            if not name:
                continue  # a marker: the folder is there, and the marker is no entry
            if is_odd(name):
                current.odd.add(name)
            else:
                current.files.append(Row(name, _FILE, size, modified_ns, 0, 0, etag))

    def end(self) -> Iterator[Gathered]:
        """Give the folders that are still open: nothing more comes."""
        while self._open:
            yield self._open.pop()

    def _leave(self, folder: bytes) -> Iterator[Gathered]:
        while len(self._open) > 1 and not is_within(folder, self._open[-1].path):
            yield self._open.pop()

    def _enter(self, folder: bytes, *, inside: bool) -> bool:
        """Open the folders on the way to one; false if nothing in it counts."""
        if not self._open:
            self._open.append(Gathered(self._path))
        path = self._open[-1].path
        rest = folder[len(path) + 1 :] if path else folder
        if folder == path and not (inside and not folder):
            return True
        for name in rest.split(b"/"):
            parent = self._open[-1]
            below = join(parent.path, name) if name or not parent.path else parent.path + b"/"
            odd = is_odd(name)
            if odd:
                parent.odd.add(name)
            if odd or not self._counts(name, below):
                self._skipped = below + b"/"
                return False
            if name in parent.folders:
                raise PermanentError(f"the storage lists its keys out of order: {below!r} comes twice")
            parent.folders.add(name)
            self._open.append(Gathered(below))
        return True

    def _counts(self, name: bytes, path: bytes) -> bool:
        """Say whether a folder counts."""
        selection = self._selection
        return selection.is_whole or (not is_private(name) and selection.takes(path, Kind.FOLDER))


def is_odd(name: bytes) -> bool:
    """Say whether a component of a key cannot be an entry's name."""
    return name in _NO_NAMES or b"\0" in name
