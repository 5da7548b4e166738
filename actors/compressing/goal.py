"""Finds the name of an archive, and looks again before it gets it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from actors.copying.conflicts import free_number
from actors.datasources.paths import join, split, text_of
from actors.datasources.storage import Kind, Storage
from rota.archives import part_name
from rota.errors import PermanentError
from rota.names import name_problem, numbered

Conflict = Literal["number", "overwrite", "fail"]


class Goal:
    """Where an archive goes: one file, or several if it is divided."""

    def __init__(self, path: bytes, *, is_divided: bool, has_manifest: bool) -> None:
        self.path = path
        self._is_divided = is_divided
        self.manifest = path + b".sha256" if has_manifest else None

    def beside(self, name: bytes) -> Goal:
        """Give the same with another name."""
        return Goal(
            join(split(self.path)[0], name), is_divided=self._is_divided, has_manifest=self.manifest is not None
        )

    def part(self, number: int) -> bytes:
        """Give the path of a part, from 1; the archive itself if it is not divided."""
        folder, name = split(self.path)
        if not self._is_divided:
            return self.path
        return join(
            folder, part_name(name.decode("utf-8", "surrogateescape"), number).encode("utf-8", "surrogateescape")
        )

    def files(self) -> Iterator[bytes]:
        """Give the paths that have to be free: with its first part, a divided archive begins."""
        yield self.part(1)
        if self.manifest is not None:
            yield self.manifest

    def owns(self, path: bytes) -> bool:
        """Say whether a path is one of the archive's own, so that it does not go into itself."""
        if not self._is_divided or path == self.manifest:
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
    if conflict != "number":
        for path in wanted.files():
            refuse_taken(storage, path, conflict)
        return wanted

    def is_free(name: bytes) -> bool:
        return all(storage.stat(path) is None for path in wanted.beside(name).files())

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
