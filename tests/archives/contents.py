"""Contents in memory, for the tests of packers: entries sorted as archives demand, files that vanish, shrink or wait."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

from actors.archives.packing import STREAM_BYTES, Content, Entry
from actors.datasources.rows import Kind

MODIFIED_NS = 1_700_000_001_234_567_800
"""An odd second, with what a format may keep of it."""


class MemoryContents:
    """A `Contents` of what it is given: the value of a name is its bytes, None is a folder, text is a link's target.

    `vanished` names are listed and cannot be read. `cut` ones end after so many bytes. `executable` ones say so.
    `moved` is called with the count of bytes after each reading, in the thread that reads: what it raises comes out.
    """

    def __init__(
        self,
        files: Mapping[str, bytes | str | None],
        *,
        modified_ns: int = MODIFIED_NS,
        vanished: Collection[str] = (),
        cut: Mapping[str, int] | None = None,
        executable: Collection[str] = (),
        moved: Callable[[int], None] = lambda _: None,
    ) -> None:
        self.files = {name.encode("utf-8", "surrogateescape"): value for name, value in files.items()}
        self._modified_ns = modified_ns
        self._vanished = {name.encode() for name in vanished}
        self._cut = {name.encode(): length for name, length in (cut or {}).items()}
        self._executable = {name.encode() for name in executable}
        self._moved = moved
        self.opened: list[MemoryStream] = []

    def entries(self) -> list[Entry]:
        """Give them in the order of archives."""
        return sorted(map(self._entry, self.files), key=sorted_name)

    def read(self, entry: Entry) -> Content | None:
        if entry.path in self._vanished:
            return None
        data = self._data(entry)
        self._moved(len(data))
        return Content(data, entry.path in self._executable)

    def open(self, entry: Entry, *, start: int = 0) -> MemoryStream | None:
        if entry.path in self._vanished:
            return None
        stream = MemoryStream(self._data(entry)[start:], entry.path in self._executable, self._moved)
        self.opened.append(stream)
        return stream

    def _entry(self, path: bytes) -> Entry:
        value = self.files[path]
        if value is None:
            return Entry(path, Kind.FOLDER, 0, self._modified_ns, path)
        if isinstance(value, str):
            return Entry(path, Kind.LINK, 0, self._modified_ns, path, value.encode())
        return Entry(path, Kind.FILE, len(value), self._modified_ns, path)

    def _data(self, entry: Entry) -> bytes:
        value = self.files[entry.path]
        assert isinstance(value, bytes), entry
        return value[: min(entry.size, self._cut.get(entry.path, entry.size))]


class MemoryStream:
    """A content in memory, read piece by piece."""

    def __init__(self, data: bytes, executable: bool, moved: Callable[[int], None]) -> None:
        self.executable = executable
        self.closed = False
        self._data = data
        self._moved = moved

    def __iter__(self) -> Iterator[bytes]:
        for at in range(0, len(self._data), STREAM_BYTES):
            assert not self.closed, "read after it was closed"
            piece = self._data[at : at + STREAM_BYTES]
            self._moved(len(piece))
            yield piece

    def close(self) -> None:
        self.closed = True


def sorted_name(entry: Entry) -> bytes:
    """Give what entries are sorted by: the bytes of the path, a folder's with a slash behind it."""
    return entry.name + b"/" if entry.kind == Kind.FOLDER else entry.name
