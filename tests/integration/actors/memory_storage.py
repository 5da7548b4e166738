"""A storage in memory, as plain or as odd as a test wants it: with or without inodes, etags and folders, in any order."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence

from actors.datasources.paths import join, split
from actors.datasources.scanning import told
from actors.datasources.storage import (
    Capabilities,
    End,
    Found,
    Kind,
    Listing,
    Lookup,
    Row,
    Unlisted,
    Why,
)


class MemoryStorage:
    """Files by path, each with its size and etag; folders are there as long as something is in them.

    It tells folders in an order that changes from scan to scan, and those in `unreadable` not at all.
    """

    def __init__(self, files: dict[bytes, tuple[int, str]], *, seed: int = 1) -> None:
        self.files = files
        self.unreadable: set[bytes] = set()
        self.asked: list[bytes] = []
        self.listed: list[bytes] = []
        self.capabilities = Capabilities(etags=True, folders=False, moves=False)
        self._chance = random.Random(seed)

    def verify(self) -> None:
        """It is always there."""

    def close(self) -> None:
        """Nothing is held."""

    def stat(self, path: bytes) -> Row | None:
        self.asked.append(path)
        return self._row(path)

    def list_folder(self, path: bytes) -> Listing | Unlisted:
        self.listed.append(path)
        if path in self.unreadable:
            return Unlisted(path=path, why=Why.FAILED, reason="page 2 is missing")
        prefix = path + b"/" if path else b""
        names = {each[len(prefix) :].split(b"/")[0] for each in self.files if each.startswith(prefix)}
        rows = [self._row(join(path, name)) for name in sorted(names)]
        return Listing(path=path, token="", rows=[row for row in rows if row])

    def scan(
        self, paths: Sequence[bytes], known: Lookup, *, check: Callable[[], None] = lambda: None
    ) -> Iterator[Found]:
        folders = {split(each)[0] for each in self.files}
        for folder in list(folders):
            while folder:
                folders.add(folder)
                folder = split(folder)[0]
        for path in paths:
            below = sorted(each for each in folders if each == path or not path or each.startswith(path + b"/"))
            self._chance.shuffle(below)
            for folder in below or [path]:
                yield self._found(folder, known)
            yield End(path=path)

    def _found(self, folder: bytes, known: Lookup) -> Found:
        return told(self.list_folder(folder), known([folder]).get(folder))

    def _row(self, path: bytes) -> Row | None:
        name = split(path)[1]
        if path in self.files:
            size, etag = self.files[path]
            return Row(name, Kind.FILE.value, size, 0, 0, 0, etag)
        if any(each.startswith(path + b"/") for each in self.files):
            return Row(name, Kind.FOLDER.value, 0, 0)
        return None
