"""A datasource under test whose files are hashed and verified."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from actors.datasources.storage import Datasource
from actors.hash import HashParams, HashResult, hash_entries
from actors.testing import RecordingRun
from actors.verify import VerifyParams, VerifyResult, verify

ODD = {
    "a": {"x": b"1", "deep": {"z": b"333"}},
    "a-b": b"between",
    "a.txt": b"before",
    b"\xff\xfe": b"no UTF-8",
    "new\nline": b"n",
    "car\rriage": b"r",
    "back\\slash": b"b",
    " led by a space": b"s",
    "*star": b"*",
    "-n": b"option",
    "empty": b"",
}


class Hashed:
    """A folder, or any other storage, and a second folder beside it."""

    def __init__(self, folder: Path, source: Datasource | None = None) -> None:
        for name in ("files", "beside"):
            (folder / name).mkdir(exist_ok=True)
        self.source = source or Datasource(name="files", root=str(folder / "files"))
        self.beside = Datasource(name="beside", root=str(folder / "beside"))
        self.root, self.other = folder / "files", folder / "beside"
        self.run = self.new_run()

    def new_run(self, state: Any = None, **more: Any) -> RecordingRun:
        return RecordingRun(state=state, datasources=[self.source, self.beside], **more)

    def hash(self, run: RecordingRun | None = None, **params: Any) -> HashResult:
        """Hash in a new run, which is `self.run` afterwards."""
        self.run = run or self.new_run()
        return hash_entries(self.run, HashParams(datasource=self.source.name, **params))

    def verify(self, run: RecordingRun | None = None, **params: Any) -> VerifyResult:
        """Verify in a new run, which is `self.run` afterwards."""
        self.run = run or self.new_run()
        return verify(self.run, VerifyParams(datasource=self.source.name, **params))

    def said(self, level: str) -> list[str]:
        return [message for each, message in self.run.log.lines if each == level]


def checked(tool: str, manifest: Path) -> int:
    """Have a tool check a manifest in its folder; gives how it ended."""
    return subprocess.run(
        [tool, "--check", "--strict", "--quiet", manifest.name], cwd=manifest.parent, timeout=60, check=False
    ).returncode
