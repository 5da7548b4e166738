"""The way from the root to what a sync is about: each folder on it is brought up to date, but not looked into."""

from __future__ import annotations

from typing import NamedTuple

from actors.datasources.globs import Selection
from actors.datasources.paths import is_private, join, text_of
from actors.datasources.storage import Kind, Row, Storage
from actors.run import Run
from rota.errors import PermanentError


class Reached(NamedTuple):
    """One step on the way: what the storage has at a path."""

    path: bytes
    row: Row | None
    """None where nothing is, or nothing that counts."""

    @property
    def is_folder(self) -> bool:
        """Whether the way goes on from here."""
        return self.row is not None and self.row.kind == Kind.FOLDER


class Way:
    """Looks at each step once, however many paths lead over it."""

    def __init__(self, run: Run, storage: Storage, selection: Selection) -> None:
        self._run = run
        self._storage = storage
        self._selection = selection
        self._steps: dict[bytes, Reached] = {b"": Reached(b"", Row(b"", Kind.FOLDER, 0, 0))}

    def to(self, path: bytes) -> tuple[Reached, list[Reached]]:
        """Give where the way to a path ends, which is the path or what is in the way, and the steps that are new.

        Raises OSError when a step cannot be looked at, and PermanentError for Rota's own names.
        """
        reached, new = self._steps[b""], []
        for name in path.split(b"/") if path else ():
            at = join(reached.path, name)
            if is_private(name):
                raise PermanentError(f"{text_of(at)} is Rota's own and never in a catalog")
            if at not in self._steps:
                self._run.check()
                self._steps[at] = Reached(at, self._look(at))
                new.append(self._steps[at])
            reached = self._steps[at]
            if not reached.is_folder:
                break
        return reached, new

    def _look(self, path: bytes) -> Row | None:
        row = self._storage.stat(path)
        if row is None or not self._selection.takes(path, row.kind):
            return None
        return row
