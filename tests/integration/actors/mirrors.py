"""Two datasources under test and mirrors from one to the other."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from actors.mirror import MirrorParams, MirrorResult, mirror
from actors.testing import RecordingRun
from tests.integration.actors.pair import Pair

BIN = b".rota/bin"


class Mirrored(Pair):
    """A source and a target, by default two folders; `mirror` copies one onto the other."""

    @property
    def copy(self) -> Path:
        return Path(self.target.root)

    def mirror(self, run: RecordingRun | None = None, **params: Any) -> MirrorResult:
        """Mirror in a new run, which is `self.run` afterwards."""
        self.run = run or self.new_run()
        return mirror(self.run, MirrorParams(datasource=self.source.name, target=self.target.name, **params))

    def counts(self, **params: Any) -> dict[str, int]:
        """Mirror and give the counts that are not zero, but for `verified`."""
        found = self.mirror(**params).model_dump(exclude={"verified"})
        return {name: count for name, count in found.items() if count}

    def binned(self) -> dict[bytes, bytes]:
        """Give the content of the files in the target's bin by the path they had, and check their records."""
        found = {}
        top = os.fsencode(self.copy) + b"/" + BIN
        for _, item in self.run.recycled:
            place = os.path.join(top, item.bin_path)
            assert os.path.lexists(place)
            assert os.path.exists(os.path.join(top, item.bin_path.split(b"/")[0] + b".trashinfo"))
            for path, content in contents(place).items():
                found[os.path.join(item.original_path, path) if path else item.original_path] = content
        return {path: content for path, content in found.items() if content is not None}


def contents(root: Path | bytes | str) -> dict[bytes, bytes | None]:
    """Give the content of every file below a folder by its path, and None for folders; private names are left out.

    A file as the root has the path b"".
    """
    top = os.fsencode(root)
    if not os.path.isdir(top):
        return {b"": _read(top)}
    found: dict[bytes, bytes | None] = {}
    for folder, folders, files in os.walk(top):
        folders[:] = [name for name in folders if not name.startswith(b".rota")]
        for name in folders:
            found[os.path.relpath(os.path.join(folder, name), top)] = None
        for name in files:
            path = os.path.join(folder, name)
            if not name.startswith(b".rota") and not os.path.islink(path):
                found[os.path.relpath(path, top)] = _read(path)
    return found


def drafts(root: Path) -> list[str]:
    """Give the drafts that were left below a folder."""
    return [str(path) for path in root.rglob(".rota-draft-*")]


def drafted(root: Path) -> int:
    """Give how many bytes the drafts below a folder have that another process may be writing."""
    found = 0
    for draft in drafts(root):
        with suppress(FileNotFoundError):
            found += os.stat(draft).st_size
    return found


def _read(path: bytes) -> bytes:
    with open(path, "rb") as file:
        return file.read()
