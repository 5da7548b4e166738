"""What a server shows that serves a folder of this machine: changed and read with the system's own calls."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from actors.datasources.storage import Datasource

_KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link"}


@dataclass
class ServedFolder:
    """See `Served`."""

    datasource: Datasource
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def place(self, path: bytes) -> bytes:
        """Give where a path is on this machine."""
        return os.path.join(os.fsencode(self.folder), path) if path else os.fsencode(self.folder)

    def write(self, path: bytes, content: bytes) -> None:
        place = self.place(path)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "wb") as file:
            file.write(content)

    def make_folder(self, path: bytes) -> None:
        os.makedirs(self.place(path), exist_ok=True)

    def remove(self, path: bytes) -> None:
        place = self.place(path)
        if os.path.isdir(place) and not os.path.islink(place):
            shutil.rmtree(place)
        else:
            os.unlink(place)

    def rename(self, path: bytes, target: bytes) -> None:
        os.rename(self.place(path), self.place(target))

    def walk(self) -> dict[bytes, tuple[str, int]]:
        top = self.place(b"")
        found: dict[bytes, tuple[str, int]] = {}
        for folder, folders, files in os.walk(top):
            for name in folders + files:
                place = os.path.join(folder, name)
                seen = os.lstat(place)
                kind = _KINDS[stat.S_IFMT(seen.st_mode)]
                found[os.path.relpath(place, top)] = (kind, 0 if kind == "folder" else seen.st_size)
        return found
