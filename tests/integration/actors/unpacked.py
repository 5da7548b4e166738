"""A datasource with archives, and runs of the actors that read them."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from actors.datasources.storage import Datasource
from actors.extract import ExtractParams, ExtractResult, extract
from actors.testing import RecordingRun
from tests.integration.actors.mirrors import contents


class Unpacked:
    """A datasource, by default a folder; each run is in `run` afterwards."""

    def __init__(
        self, folder: Path, *, datasource: Datasource | None = None, others: tuple[Datasource, ...] = ()
    ) -> None:
        if datasource is None:
            (folder / "files").mkdir()
            datasource = Datasource(name="files", root=str(folder / "files"))
        self.datasource = datasource
        self.others = others
        self.run = self.new_run()

    @property
    def root(self) -> Path:
        return Path(self.datasource.root)

    def new_run(self, *, attempt: int = 1, state: Any = None, secrets: Mapping[str, str] | None = None) -> RecordingRun:
        return RecordingRun(datasources=[self.datasource, *self.others], attempt=attempt, state=state, secrets=secrets)

    def extract(self, path: str, run: RecordingRun | None = None, **params: Any) -> ExtractResult:
        """Unpack an archive in a new run, which is `self.run` afterwards."""
        self.run = run or self.new_run()
        return extract(self.run, ExtractParams(datasource=self.datasource.name, path=path, **params))

    def private(self) -> list[str]:
        """Give what is there under private names."""
        return [path.name for path in self.root.rglob(".rota-*")]

    def notes(self, result: ExtractResult) -> dict[str, str]:
        """Give the notes of a result by path; all of them are there."""
        assert result.noted == len(result.notes)
        return {note.path: note.note for note in result.notes}


def files(root: Path) -> dict[str, bytes]:
    """Give the content of every file below a folder by its path."""
    return {path.decode(): content for path, content in contents(root).items() if content is not None}


def zipped(members: Mapping[str, bytes], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Make a zip; a name with a slash behind it is a folder."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 2, 3, 4, 6)), content, method)
    return made.getvalue()


def member(name: str, content: bytes = b"", **fields: Any) -> tuple[tarfile.TarInfo, bytes]:
    """Make a member of a tar; `fields` are those of a TarInfo."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    info.mtime = 1_500_000_000
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content


def tarred(*members: tuple[tarfile.TarInfo, bytes], mode: str = "w:gz") -> bytes:
    """Make a tar."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=mode) as archive:  # type: ignore[call-overload]
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return made.getvalue()
