"""What an extraction made, and how a later attempt of the same task knows that it was made already."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from actors.datasources.paths import split
from actors.datasources.storage import Storage
from actors.datasources.trees import go_on, is_left
from actors.run import Run
from actors.unpacking.opening import Opened
from actors.unpacking.setting import Counts


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


def announce(run: Run, made: Made, planted: bytes) -> None:
    """Keep what is about to get its name; `planted` is the path that the tree or draft was begun for.

    Called before what was made is brought to the disk, which takes so long that a checkpoint is kept meanwhile.
    """
    run.checkpoint({"made": asdict(made), "planted": _text(planted)})


def made_before(run: Run, storage: Storage) -> Made | None:
    """Give what an earlier attempt of this task made, which was killed before it could say so; None if it did not.

    What got its name is there under it, and not under its private one any more. Where files are moved one by one, what
    was begun is brought to its end first.
    """
    state: dict[str, Any] | None = run.state
    if not state:
        return None
    made, planted = Made(**state["made"]), _path(state["planted"])
    path = _path(made.path)
    if is_left(storage, planted, run.task):
        is_made = go_on(storage, planted, split(path)[1], run.task, confirm=run.confirm)
    else:
        is_made = storage.stat(path) is not None
    return made if is_made else None


def _text(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape")


def _path(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
