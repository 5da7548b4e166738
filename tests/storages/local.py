"""A plain folder, changed and read by the operating system's own calls."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from actors.datasources.storage import Datasource

_KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link"}


class ServedFolder:
    """See `Served`."""

    environment: Mapping[str, str] = {}

    def __init__(self, folder: Path) -> None:
        self._top = os.fsencode(folder)
        self.datasource = Datasource(name="files", kind="local", root=str(folder))

    def write(self, path: bytes, content: bytes) -> None:
        place = self._place(path)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "wb") as file:
            file.write(content)

    def make_folder(self, path: bytes) -> None:
        os.makedirs(self._place(path), exist_ok=True)

    def remove(self, path: bytes) -> None:
        place = self._place(path)
        if os.path.isdir(place) and not os.path.islink(place):
            shutil.rmtree(place)
        else:
            os.unlink(place)

    def rename(self, path: bytes, target: bytes) -> None:
        os.rename(self._place(path), self._place(target))

    def walk(self) -> dict[bytes, tuple[str, int]]:
        found: dict[bytes, tuple[str, int]] = {}
        for folder, folders, files in os.walk(self._top):
            for name in folders + files:
                place = os.path.join(folder, name)
                status = os.lstat(place)
                kind = _KINDS.get(stat.S_IFMT(status.st_mode))
                if kind is not None:
                    size = 0 if kind == "folder" else status.st_size
                    found[os.path.relpath(place, self._top)] = (kind, size)
        return found

    def _place(self, path: bytes) -> bytes:
        return os.path.join(self._top, path)


@contextmanager
def serve(folder: Path) -> Iterator[ServedFolder]:
    """Give the folder itself."""
    yield ServedFolder(folder)
