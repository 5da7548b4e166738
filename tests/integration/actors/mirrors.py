"""Two datasources under test and mirrors from one to the other."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

from actors.datasources.storage import Datasource, Storage
from actors.mirror import MirrorParams, MirrorResult, mirror
from actors.testing import RecordingRun

BIN = b".rota/bin"


class Mirrored:
    """A source and a target, by default two folders; `mirror` copies one onto the other."""

    def __init__(self, folder: Path, *, source: Datasource | None = None, target: Datasource | None = None) -> None:
        self.source = source or _local(folder, "source")
        self.target = target or _local(folder, "target")
        self.run = self.new_run()

    @property
    def origin(self) -> Path:
        return Path(self.source.root)

    @property
    def copy(self) -> Path:
        return Path(self.target.root)

    def new_run(self, state: Any = None) -> RecordingRun:
        return RecordingRun(state=state, datasources=[self.source, self.target])

    def mirror(self, run: RecordingRun | None = None, **params: Any) -> MirrorResult:
        """Mirror in a new run, which is `self.run` afterwards."""
        self.run = run or self.new_run()
        return mirror(self.run, MirrorParams(datasource=self.source.name, target=self.target.name, **params))

    def counts(self, **params: Any) -> dict[str, int]:
        """Mirror and give the counts that are not zero, but for `verified`."""
        found = self.mirror(**params).model_dump(exclude={"verified"})
        return {name: count for name, count in found.items() if count}

    def said(self, level: str) -> list[str]:
        """Give what the last run logged."""
        return [message for each, message in self.run.log.lines if each == level]

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


def _read(path: bytes) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _local(folder: Path, name: str) -> Datasource:
    (folder / name).mkdir()
    return Datasource(name=name, root=str(folder / name))


class Faulty:
    """A storage that does what the real one does, but for what a test gives: `stat=lambda real, path: …`, or a value."""

    def __init__(self, real: Storage, **faults: Any) -> None:
        self._real = real
        self._faults = faults

    def __getattr__(self, name: str) -> Any:
        if name not in self._faults:
            return getattr(self._real, name)
        fault = self._faults[name]
        return partial(fault, self._real) if callable(fault) else fault
