"""Finds the name of an archive, and looks again before it gets it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from actors.copying.conflicts import free_number
from actors.datasources.paths import join, split, text_of
from actors.datasources.storage import Kind, Storage, Unlisted, Why
from rota.archives import part_name
from rota.errors import PermanentError, TemporaryError
from rota.names import name_problem, numbered

Conflict = Literal["number", "overwrite", "fail"]


class Goal:
    """Where an archive goes: one file, or several if it is divided."""

    def __init__(self, path: bytes, *, is_divided: bool, has_manifest: bool) -> None:
        self.path = path
        self.is_divided = is_divided
        self.manifest = path + b".sha256" if has_manifest else None

    def beside(self, name: bytes) -> Goal:
        """Give the same with another name."""
        return Goal(join(split(self.path)[0], name), is_divided=self.is_divided, has_manifest=self.manifest is not None)

    def part(self, number: int) -> bytes:
        """Give the path of a part, from 1; the archive itself if it is not divided."""
        folder, name = split(self.path)
        if not self.is_divided:
            return self.path
        return join(
            folder, part_name(name.decode("utf-8", "surrogateescape"), number).encode("utf-8", "surrogateescape")
        )

    def files(self) -> Iterator[bytes]:
        """Give the paths that it has in any case: that of the archive or its first part, and of the checksums."""
        yield self.part(1)
        if self.manifest is not None:
            yield self.manifest

    def is_among(self, names: Iterable[bytes]) -> bool:
        """Say whether one of the names in its folder is one of its own, be it only a later part of it."""
        folder = split(self.path)[0]
        return any(self.owns(join(folder, name)) for name in names)

    def owns(self, path: bytes) -> bool:
        """Say whether a path is one of the archive's own, so that it does not go into itself."""
        if not self.is_divided or path == self.manifest:
            return path in {self.path, self.manifest}
        number = path[len(self.path) + 1 :]
        return path.startswith(self.path + b".") and number.isdigit() and path == self.part(int(number))


def find_goal(storage: Storage, wanted: Goal, conflict: Conflict) -> Goal:
    """Give the goal, with a number if its name is taken and shall get one; raises PermanentError."""
    folder, name = split(wanted.path)
    refuse_name(wanted)
    there = storage.stat(folder) if folder and storage.capabilities.folders else None
    if there is not None and there.kind != Kind.FOLDER:
        raise PermanentError(f"the archive cannot be {text_of(wanted.path)!r}: {text_of(folder)!r} is no folder")
    others = _names_in(storage, folder) if wanted.is_divided else ()
    if conflict != "number":
        for path in wanted.files():
            refuse_taken(storage, path, conflict)
        if conflict == "fail" and wanted.is_among(others):
            raise PermanentError(f"the archive cannot be {text_of(wanted.path)!r}: a part of one of that name is there")
        return wanted

    def is_free(name: bytes) -> bool:
        goal = wanted.beside(name)
        return all(storage.stat(path) is None for path in goal.files()) and not goal.is_among(others)

    found = wanted if is_free(name) else wanted.beside(numbered(name, free_number(name, is_free)))
    refuse_name(found)
    return found


def refuse_taken(storage: Storage, path: bytes, conflict: Conflict) -> None:
    """Raise PermanentError if something has a path and is not to be replaced."""
    there = storage.stat(path)
    if there is None or (conflict == "overwrite" and there.kind == Kind.FILE):
        return
    raise PermanentError(f"the archive cannot be {text_of(path)!r}: a {there.kind} of that name is there")


def refuse_name(goal: Goal) -> None:
    """Raise PermanentError for a name that no file can have."""
    for path in goal.files():
        name = split(path)[1]
        if problem := name_problem(name):
            raise PermanentError(f"the archive cannot be called {text_of(name)!r}: its name {problem}")


def _names_in(storage: Storage, folder: bytes) -> list[bytes]:
    """Give the names in a folder, none if it is not there."""
    found = storage.list_folder(folder)
    if not isinstance(found, Unlisted):
        return [row.name for row in found.rows]
    if found.why is Why.FAILED:
        raise TemporaryError(f"what is beside the archive cannot be listed: {found.reason}")
    return []
