"""Where the generations of indexes lie on the disk: a folder each, made and removed in one step."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import msgspec

from rota.errors import NotFound, PermanentError, TemporaryError
from store.search.engine import Shape
from store.search.tantivy.borders import broken, translated
from store.search.tantivy.schema import FORM, build_schema, register_analyzers

_SHAPE = "rota.json"
_META = "meta.json"
_HIDDEN = "."
_MAKING_SECONDS = 600
"""After so long nobody still makes an empty index."""


class _Form(msgspec.Struct, frozen=True, kw_only=True):
    """What a folder says of the index that is in it."""

    form: int
    contents: bool
    language: str
    extractors: str

    def shape(self) -> Shape:
        return Shape(self.contents, self.language, self.extractors)


class Places:
    """The folders of all generations, `<root>/<datasource>/<generation>`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def of(self, datasource: str, generation: int) -> Path:
        """Give the folder of a generation, whether it is there or not."""
        if not datasource or datasource.startswith(_HIDDEN) or "/" in datasource or "\0" in datasource:
            raise PermanentError(f"{datasource!r} is no name of a datasource, so it can have no index")
        return self._root / datasource / str(generation)

    def generations(self, datasource: str) -> Sequence[int]:
        """Give the generations of a datasource, sorted."""
        try:
            inside = [one.name for one in self.of(datasource, 0).parent.iterdir()]
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(int(name) for name in inside if name.isascii() and name.isdigit())

    def datasources(self) -> Sequence[str]:
        """Give the datasources that have a generation, sorted."""
        try:
            inside = [one.name for one in self._root.iterdir() if not one.name.startswith(_HIDDEN)]
        except FileNotFoundError:
            return []
        return sorted(name for name in inside if self.generations(name))

    def make(self, datasource: str, generation: int, shape: Shape) -> Path:
        """Make the folder of a generation with an empty index in it, if it is not there.

        Raises PermanentError if what is there is no index of this shape.
        """
        folder = self.of(datasource, generation)
        if not folder.exists():
            self._make(folder, shape)
        if (found := shape_of(folder)) != shape:
            raise broken(folder, f"it was built for {found}, and {shape} is wanted")
        return folder

    def drop(self, datasource: str, generation: int) -> None:
        """Remove a generation: it is gone at once, and then its files, however many there are."""
        folder = self.of(datasource, generation)
        aside = folder.with_name(f"{_HIDDEN}dropped-{uuid4().hex}")
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            folder.rename(aside)
        self._sweep(folder.parent)

    def _make(self, folder: Path, shape: Shape) -> None:
        """Build it aside and move it: a process that is killed leaves no half of it under its name."""
        import tantivy

        aside = folder.with_name(f"{_HIDDEN}made-{uuid4().hex}")
        try:
            aside.mkdir(parents=True)
            with translated(aside):
                register_analyzers(tantivy.Index(build_schema(), str(aside)), shape.language)
            form = _Form(form=FORM, contents=shape.contents, language=shape.language, extractors=shape.extractors)
            with (aside / _SHAPE).open("wb") as file:
                file.write(msgspec.json.encode(form))
                os.fsync(file.fileno())
            aside.rename(folder)
        except OSError as error:
            shutil.rmtree(aside, ignore_errors=True)
            if isinstance(error, FileNotFoundError):
                raise TemporaryError(f"{folder.parent} was removed meanwhile, with its last generation") from error
            if not folder.exists():
                raise PermanentError(f"no index can be made in {folder.parent}: {error}; check search_dir") from error

    def _sweep(self, parent: Path) -> None:
        """Remove what was dropped, and what processes left that were killed while they made or dropped something."""
        for aside in parent.glob(f"{_HIDDEN}dropped-*"):
            shutil.rmtree(aside, ignore_errors=True)
        for aside in parent.glob(f"{_HIDDEN}made-*"):
            with contextlib.suppress(OSError):
                if time.time() - aside.stat().st_mtime > _MAKING_SECONDS:
                    shutil.rmtree(aside, ignore_errors=True)
        with contextlib.suppress(OSError):  # as long as it has other generations
            parent.rmdir()


def shape_of(folder: Path) -> Shape:
    """Read what an index was built for; NotFound if it is not there, PermanentError if it is something else."""
    try:
        form = msgspec.json.decode((folder / _SHAPE).read_bytes(), type=_Form)
    except (OSError, msgspec.DecodeError) as error:
        if not folder.exists():
            raise NotFound(f"there is no index {folder}") from error
        raise broken(folder, f"its {_SHAPE} is missing or unreadable") from error
    if form.form != FORM:
        raise broken(folder, f"it has form {form.form}, and this version of Rota has form {FORM}")
    return form.shape()


class Stamp(NamedTuple):
    """What changes with each commit."""

    folder: int
    """Changes only if an index is dropped and made again."""
    file: int
    modified_ns: int
    size: int


def stamp_of(folder: Path) -> Stamp:
    """Tell which commit is the newest; NotFound if the index is gone, PermanentError if it is something else."""
    try:
        state = (folder / _META).stat()
        stamp = Stamp(folder.stat().st_ino, state.st_ino, state.st_mtime_ns, state.st_size)
    except OSError as error:
        if folder.exists():
            raise broken(folder, f"its {_META} is missing") from error
        raise NotFound(f"there is no index {folder}") from error
    return stamp


def bytes_of(folder: Path) -> int:
    """Add up what the files of an index take."""
    total = 0
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            with contextlib.suppress(FileNotFoundError):  # merged meanwhile
                total += path.stat().st_size
    return total
