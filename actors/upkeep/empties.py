"""Finds out which folders of a walk are empty, or become so once those in them are removed. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from actors.datasources.paths import split


class Empty(NamedTuple):
    """A folder in which nothing is left."""

    path: bytes
    modified_ns: int
    """The time it had before anything in it was removed."""


@dataclass(slots=True)
class _Open:
    folders: int
    """How many in it are not settled."""
    stays: bool
    modified_ns: int


class Empties:
    """Follows the folders of a walk, each told before those in it; memory is that of the folders not settled yet."""

    def __init__(self, top: bytes) -> None:
        """Begin; `top` itself is never found to be empty."""
        self._top = top
        self._open: dict[bytes, _Open] = {}

    def tell(self, folder: bytes, *, folders: int, stays: bool, modified_ns: int) -> Empty | None:
        """Say how many folders are in a folder that may become empty, and whether it has to stay for anything else.

        Gives a folder that is empty now: this one, or one above. Whoever gets one settles it.
        """
        self._open[folder] = _Open(folders, stays, modified_ns)
        return None if folders else self._complete(folder)

    def settle(self, folder: bytes, *, gone: bool) -> Empty | None:
        """Say whether an empty folder is gone; gives the one above if that is empty now."""
        above = self._open[split(folder)[0]]
        above.folders -= 1
        above.stays |= not gone
        return None if above.folders else self._complete(split(folder)[0])

    def _complete(self, folder: bytes) -> Empty | None:
        """Close a folder in which all are settled, and those above it as long as nothing can be removed there."""
        while folder != self._top:
            closed = self._open.pop(folder)
            if not closed.stays:
                return Empty(folder, closed.modified_ns)
            folder = split(folder)[0]
            above = self._open[folder]
            above.folders -= 1
            above.stays = True
            if above.folders:
                break
        return None
