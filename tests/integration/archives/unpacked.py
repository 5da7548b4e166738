"""An archive in a datasource, what is beside it, and how it is unpacked."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any, NamedTuple

from actors import test_archive as archive_test
from actors.datasources.storage import Datasource
from actors.extract import ExtractResult, extract
from actors.list_archive import ListArchiveParams, ListArchiveResult, list_archive
from actors.testing import RecordingRun
from actors.unpacking.order import ExtractParams
from tests.archives.hostile import Found

MADE = "made"


class Seen(NamedTuple):
    """What an entry is, byte for byte and as the system knows it."""

    inode: int
    mode: int
    content: bytes | str | None


class Place:
    """A folder with a datasource in it, the archive in that, and canaries all around."""

    def __init__(self, folder: Path) -> None:
        self.top = folder
        self.root = folder / "root"
        self.inner = self.root / "inner"
        self.made = self.inner / MADE
        self.run = RecordingRun(datasources=[Datasource(name="files", root=str(self.root))])
        self.inner.mkdir(parents=True)
        for path in (folder / "outside/secret", folder / "outside/deep/x", self.root / "x", self.inner / "a.txt"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"canary")

    def extract(self, file: str, data: bytes, **params: Any) -> ExtractResult:
        """Put the archive there, and unpack it into the folder beside it."""
        (self.inner / file).write_bytes(data)
        order = {"datasource": "files", "path": f"inner/{file}", "target": f"inner/{MADE}", "links": "keep", **params}
        return extract(self.run, ExtractParams(**order))

    def list(self, file: str) -> ListArchiveResult:
        """List an archive that is there."""
        return list_archive(self.run, ListArchiveParams(datasource="files", path=f"inner/{file}"))

    def test(self, file: str) -> archive_test.TestArchiveResult:
        """Read an archive that is there, and check it."""
        params = archive_test.TestArchiveParams(datasource="files", path=f"inner/{file}")
        return archive_test.test_archive(self.run, params)

    def around(self) -> dict[str, Seen]:
        """Give all that is there, but for what was unpacked."""
        return {path: seen for path, seen in _seen(self.top).items() if not path.startswith(f"root/inner/{MADE}")}

    def found(self) -> Found:
        """Give what was unpacked."""
        return {path: seen.content for path, seen in _seen(self.made).items()}

    def modes(self) -> set[int]:
        """Give the permissions of all that was unpacked, but of links, which have none."""
        return {stat.S_IMODE(seen.mode) for seen in _seen(self.made).values() if not stat.S_ISLNK(seen.mode)}


def _seen(top: Path) -> dict[str, Seen]:
    found = {}
    for folder, folders, files in os.walk(top):
        for name in folders + files:
            path = os.path.join(folder, name)
            found[os.path.relpath(path, top)] = _one(path)
    return found


def _one(path: str) -> Seen:
    status = os.lstat(path)
    content: bytes | str | None = None
    if stat.S_ISREG(status.st_mode):
        content = Path(path).read_bytes()
    elif stat.S_ISLNK(status.st_mode):
        content = os.readlink(path)
    else:
        assert stat.S_ISDIR(status.st_mode), f"{path} is neither file, folder nor link"
    return Seen(status.st_ino, status.st_mode, content)
