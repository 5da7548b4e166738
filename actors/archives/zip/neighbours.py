"""Reads places of a file that lie close together with few reads."""

from __future__ import annotations

import threading

from actors.archives.reading import ArchiveFile

WINDOW_BYTES = 1024 * 1024
_FIRST_BYTES = 32 * 1024
_KEPT = 4
"""How many windows are kept: several threads are at neighbouring places."""


class Neighbours:
    """The file of an archive, read ahead as long as what is asked for follows what was asked for. Safe in threads."""

    def __init__(self, file: ArchiveFile, *, end: int) -> None:
        """Nothing is read ahead beyond `end`."""
        self._file = file
        self._end = end
        self._lock = threading.Lock()
        self._windows: list[tuple[int, int, bytes]] = []
        self._reach = _FIRST_BYTES

    def read(self, offset: int, size: int) -> memoryview:
        """Give so many bytes from an offset on; fewer only at the end of the file."""
        if size > WINDOW_BYTES:
            return memoryview(self._file.read_at(offset, size))
        with self._lock:
            for start, end, data in self._windows:
                if start <= offset and offset + size <= end:
                    return memoryview(data)[offset - start : offset - start + size]
            return memoryview(self._fill(offset, size))[:size]

    def forget(self) -> None:
        """Let go of what was read."""
        with self._lock:
            self._windows.clear()

    def _fill(self, offset: int, size: int) -> bytes:
        follows = any(start <= offset <= end + _FIRST_BYTES for start, end, _ in self._windows)
        # Whoever wants a few members of many does not pay for those between them.
        self._reach = min(2 * self._reach, WINDOW_BYTES) if follows else _FIRST_BYTES
        data = self._file.read_at(offset, max(size, min(self._reach, self._end - offset)))
        self._windows.insert(0, (offset, offset + len(data), data))
        del self._windows[_KEPT:]
        return data
