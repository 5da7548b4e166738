"""Says where a storage was changed, in the words of the event `storage.changed`. Pure."""

from __future__ import annotations

import threading
from collections.abc import Collection

MOST_PATHS = 500


class ChangedFolders:
    """The folders in which something was changed; everything once there are too many. Safe in several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._folders: set[bytes] = set()

    def add(self, folder: bytes) -> None:
        """Remember a folder."""
        with self._lock:
            if self._folders == {b""}:
                return
            self._folders.add(folder)
            if len(self._folders) > MOST_PATHS:
                self._folders = {b""}

    def take(self, other: ChangedFolders) -> None:
        """Remember the folders that another one remembers."""
        for folder in other._folders:
            self.add(folder)

    def paths(self) -> list[str]:
        """Give the folders as text, none within another; one that is no UTF-8 is told by a folder above it."""
        return outermost({_decodable(folder) for folder in self._folders})


def outermost(paths: Collection[str]) -> list[str]:
    """Give those paths that are in none of the others, sorted."""
    kept: list[str] = []
    # "/" sorts before all that may follow it in a name but a few signs: compare part by part.
    for path in sorted(paths, key=lambda path: path.split("/")):
        if not kept or not (kept[-1] == "" or path == kept[-1] or path.startswith(kept[-1] + "/")):
            kept.append(path)
    return kept


def _decodable(path: bytes) -> str:
    while True:
        try:
            return path.decode()
        except UnicodeDecodeError:
            path = path.rpartition(b"/")[0]
