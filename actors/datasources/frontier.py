"""What of a scan waits, what is under way, and which of the paths asked for are complete. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from actors.datasources.paths import join


class Place(NamedTuple):
    """A folder to be listed, and the number of the path asked for that it belongs to."""

    path: bytes
    branch: int


class _Siblings(NamedTuple):
    branch: int
    folder: bytes
    names: list[bytes]
    """Those that wait, the next one last; whole paths would take several times the memory."""


class Frontier:
    """The edge between what was listed and what is not yet known of.

    Depth first and the first branch first: what waits is then as little as the siblings of those under way. Every place
    taken is given back by `tell` or `put_back`.
    """

    def __init__(self, paths: Sequence[bytes]) -> None:
        self._paths = paths
        self._stack: list[_Siblings] = []
        # Places of each branch that wait or are under way; a branch that has none left is complete.
        self._open = [0] * len(paths)
        self._left = 0
        self._ended = 0
        self.waiting = 0
        """How many places could be taken now."""
        for branch in reversed(range(len(paths))):
            self._push(branch, b"", [paths[branch]])

    @property
    def is_done(self) -> bool:
        """Whether nothing waits and nothing is under way."""
        return not self._left

    def take(self, most: int) -> list[Place]:
        """Take up to so many places; none if all that is left is under way."""
        taken: list[Place] = []
        while self._stack and len(taken) < most:
            branch, folder, names = self._stack[-1]
            taken.append(Place(join(folder, names.pop()), branch))
            if not names:
                self._stack.pop()
        self.waiting -= len(taken)
        return taken

    def tell(self, place: Place, folders: Iterable[bytes]) -> None:
        """Say that a place was listed, and the names of the folders in it, sorted."""
        self._push(place.branch, place.path, list(folders))
        self._close(place)

    def put_back(self, places: Sequence[Place]) -> None:
        """Let places that were taken wait again."""
        for place in reversed(places):
            self._push(place.branch, b"", [place.path])
            self._close(place)

    def ended(self) -> list[bytes]:
        """Give the paths that are complete now and were not given before; in the order in which they were asked for."""
        first = self._ended
        while self._ended < len(self._open) and not self._open[self._ended]:
            self._ended += 1
        return list(self._paths[first : self._ended])

    def _push(self, branch: int, folder: bytes, names: list[bytes]) -> None:
        if names:
            names.reverse()
            self._stack.append(_Siblings(branch, folder, names))
            self.waiting += len(names)
            self._open[branch] += len(names)
            self._left += len(names)

    def _close(self, place: Place) -> None:
        self._open[place.branch] -= 1
        self._left -= 1
