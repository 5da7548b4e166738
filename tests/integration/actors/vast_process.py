"""A process that syncs a storage of some folders which come, move and go at once; prints how large it became.

Arguments: database address, datasource, number of folders, files in each of them. The storage is made up while it is listed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import actors.syncing.one
from actors.datasources.packed import CHUNK_ROWS, Chunks, encode_rows, rows_of_chunks
from actors.datasources.paths import join, split
from actors.datasources.storage import Capabilities, End, Found, Kind, Listing, Lookup, Row
from actors.stored import StoredDatasources
from actors.sync import SyncParams, sync
from actors.testing import RecordingRun
from store.engine import Store


class Vast:
    """A storage of made up files, all in folders of one."""

    capabilities = Capabilities(inodes=True)

    def __init__(self, top: bytes | None, folders: int, files: int) -> None:
        self._top = top
        self._folders = folders
        self._files = files

    def verify(self) -> None:
        """It is always there."""

    def close(self) -> None:
        """Nothing is held."""

    def stat(self, path: bytes) -> Row | None:
        return next((row for row in self.list_folder(split(path)[0]).rows if row.name == split(path)[1]), None)

    def list_folder(self, path: bytes) -> Listing:
        rows = self._rows(path)
        chunks = Chunks()
        while some := list(islice(rows, CHUNK_ROWS)):
            chunks.append(encode_rows(some))
        return Listing(path=path, token="", rows=rows_of_chunks(chunks))

    def scan(
        self, paths: Sequence[bytes], known: Lookup, *, check: Callable[[], None] = lambda: None
    ) -> Iterator[Found]:
        for path in paths:
            yield self.list_folder(path)
            for row in self._rows(path):
                yield self.list_folder(join(path, row.name))
            yield End(path=path)

    def _rows(self, path: bytes) -> Iterator[Row]:
        if not path:
            yield Row(b"stays", Kind.FILE, 1, 1, 1, 1)
            if self._top:
                yield Row(self._top, Kind.FOLDER, 0, 1, 2, 1)
        elif path == self._top:
            for n in range(self._folders):
                yield Row(b"%03d" % n, Kind.FOLDER, 0, 1, 10 + n, 1)
        elif split(path)[0] == self._top:
            first = (1 + int(split(path)[1])) * 1_000_000
            for n in range(self._files):
                yield Row(b"file-%06d" % n, Kind.FILE, 5, 1, first + n, 1)


class QuietRun(RecordingRun):
    """A run that forgets its events."""

    def emit(self, *_args, **_more) -> None:
        """Forget an event."""


def _resident_bytes(name: str) -> int:
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(name))


if __name__ == "__main__":
    url, name, folders, files = sys.argv[1:]
    stored = StoredDatasources(Store(url), run="run", task="task")
    found = []
    grown = []
    for top in (None, b"a", b"b", None):
        storage = Vast(top, int(folders), int(files))
        actors.syncing.one.open_storage = lambda *_args, made=storage, **_more: made  # type: ignore[assignment]
        run = QuietRun(datasources=[stored.datasource(name)], catalogs=stored.catalog)
        result = sync(run, SyncParams(datasource=name, allow_deletions=True))
        found.append([result.created, result.moved, result.deleted])
        grown.append(_resident_bytes("VmHWM") - grown[0] if grown else _resident_bytes("VmRSS"))
    print(json.dumps({"found": found, "grown": grown[-1]}))
