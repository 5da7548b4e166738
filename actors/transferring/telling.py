"""Says where a storage was changed, in the words of the event `storage.changed`, however the work ended."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from actors.datasources.paths import outermost, split
from actors.run import Run
from rota.errors import LeaseLost, RotaError

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

    def paths(self) -> list[str]:
        """Give the folders as text, none within another; one that is no UTF-8 is told by a folder above it."""
        return [path.decode() for path in outermost(map(_decodable, self._folders))]


@contextmanager
def telling(run: Run, datasource: str, changed: ChangedFolders) -> Iterator[None]:
    """Emit `storage.changed` at the end of the block if anything was changed, unless the task is another's now."""

    def tell() -> None:
        if paths := changed.paths():
            run.emit("storage.changed", {"datasource": datasource, "paths": paths}, datasource)

    try:
        yield
    except LeaseLost:
        raise
    except Exception:
        # Whatever went wrong is worth more than an event that cannot be sent.
        with suppress(RotaError):
            tell()
        raise
    tell()


def _decodable(path: bytes) -> bytes:
    while True:
        try:
            path.decode()
        except UnicodeDecodeError:
            path = split(path)[0]
        else:
            return path
