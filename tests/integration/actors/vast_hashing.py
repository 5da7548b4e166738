"""A process that hashes a storage of so many files, all in folders of a thousand; prints how much it grew.

Argument: the number of files. They are made up while they are listed; what is written is counted and forgotten.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterable
from typing import Any

import actors.hashing.setting
from actors.datasources.storage import Capabilities, Datasource, Kind, Listing, Row
from actors.hash import HashParams, hash_entries
from actors.testing import RecordingRun

_FOLDER_FILES = 1000


class Vast:
    """A storage of made up files."""

    capabilities = Capabilities(etags=True)

    def __init__(self, files: int) -> None:
        self._folders = files // _FOLDER_FILES
        self._kept: dict[bytes, int] = {}

    def verify(self) -> None:
        """It is always there."""

    def close(self) -> None:
        """Nothing is held."""

    def delete(self, path: bytes) -> None:
        self._kept.pop(path, None)

    def stat(self, path: bytes) -> Row | None:
        name = path.rpartition(b"/")[2]
        if not name:
            return Row(name, Kind.FOLDER, 0, 0)
        return Row(name, Kind.FILE, 5, 1, etag="1") if name.startswith(b"file") else None

    def list_folder(self, path: bytes) -> Listing:
        if path:
            rows = [Row(b"file-%06d" % n, Kind.FILE, 5, 1, etag="1") for n in range(_FOLDER_FILES)]
        else:
            rows = [Row(b"folder-%06d" % n, Kind.FOLDER, 0, 1) for n in range(self._folders)]
        return Listing(path=path, token="", rows=rows)

    def open_file(self, path: bytes) -> io.BytesIO:
        if path in self._kept:
            return io.BytesIO(b"x" * self._kept[path])
        return io.BytesIO(b"12345")

    def write(self, path: bytes, pieces: Iterable[bytes], *, confirm: Callable[[], None], **_more: Any) -> None:
        self._kept[path] = sum(len(piece) for piece in pieces)
        confirm()


def _resident_bytes(name: str) -> int:
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(name))


if __name__ == "__main__":
    files = int(sys.argv[1])
    storage = Vast(files)
    actors.hashing.setting.open_storage = lambda *_args, **_more: storage  # type: ignore[assignment]
    run = RecordingRun(datasources=[Datasource(name="files", root="/")])
    before = _resident_bytes("VmRSS")
    result = hash_entries(run, HashParams(datasource="files", target="SUMS"))
    print(json.dumps({"files": result.files, "grown": _resident_bytes("VmHWM") - before}))
