"""What an extraction made, and what a later attempt of the same task has to know of that."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from actors.datasources.paths import split
from actors.datasources.storage import Storage
from actors.datasources.trees import go_on, is_left
from actors.run import Run
from actors.unpacking.opening import Opened


@dataclass(slots=True)
class Counts:
    """What was done."""

    entries: int = 0
    """Files, folders and links that were made."""
    bytes: int = 0
    """In the files."""
    skipped: int = 0
    """What was there already and stayed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What was made."""

    path: str
    """Of the folder, or the one file."""
    format: str
    entries: int
    """Files, folders and links; 1 for a single file."""
    bytes: int
    skipped: int
    """What was there already and stayed."""


def made_of(opened: Opened, path: bytes, counts: Counts) -> Made:
    """Say what was made of an archive at a path."""
    return Made(path=_text(path), format=opened.format.value, **asdict(counts))


class Kept:
    """What an extraction keeps for a later attempt of its task."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._state: dict[str, Any] = dict(run.state or {})

    @property
    def folder(self) -> bytes:
        """The topmost of the folders that were made for the target to be in; empty if none was."""
        return _path(self._state.get("folder", ""))

    def keep_folder(self, folder: bytes) -> None:
        """Keep that this folder, and those below it that lead to the target, are about to be made."""
        self._keep({"folder": _text(folder)})

    def announce(self, made: Made, planted: bytes) -> None:
        """Keep what is about to get its name; `planted` is the path that the tree or draft was begun for.

        Called before what was made is brought to the disk, which takes so long that a checkpoint is kept meanwhile.
        """
        self._keep({**self._state, "made": asdict(made), "planted": _text(planted)})

    def forget_made(self) -> None:
        """Keep no more what was announced: it did not get its name."""
        self._keep({key: value for key, value in self._state.items() if key == "folder"})

    def forget(self) -> None:
        """Keep nothing any more."""
        self._keep({})

    def made_before(self, storage: Storage) -> Made | None:
        """Give what an earlier attempt made, which was killed before it could say so; None if it did not.

        What got its name is there under it, and not under its private one any more. Where files are moved one by one,
        what was begun is brought to its end first.
        """
        if "made" not in self._state:
            return None
        made, planted = Made(**self._state["made"]), _path(self._state["planted"])
        path = _path(made.path)
        if is_left(storage, planted, self._run.task):
            is_made = go_on(storage, planted, split(path)[1], self._run.task, confirm=self._run.confirm)
        else:
            is_made = storage.stat(path) is not None
        return made if is_made else None

    def _keep(self, state: dict[str, Any]) -> None:
        self._state = state
        self._run.checkpoint(state or None)


def _text(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape")


def _path(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
