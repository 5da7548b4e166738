"""The actor `mkdir`: makes folders, with those above them.

The plan: the storage is verified; each path is made folder by folder from the top; what is there already stays as it
is; `storage.changed` tells where something was made. A crash leaves some of the folders, and the next attempt makes the
rest.

Object stores have no folders by themselves: nothing is made there, which is told, and is no failure, for a file can be
put anywhere.
"""

# ruff: noqa: G004 -- the log of a run takes finished text and is no logging.Logger
from __future__ import annotations

from contextlib import closing

from pydantic import Field

from actors.copying.order import MOST_PATHS, selection_of
from actors.datasources.opening import open_storage
from actors.datasources.paths import split, text_of
from actors.datasources.retrying import is_temporary
from actors.datasources.storage import Kind, Storage
from actors.finding import find_datasource
from actors.params import Params, Result
from actors.registry import actor
from actors.run import Run
from actors.transferring.telling import ChangedFolders, telling
from rota.errors import PermanentError
from rota.names import name_problem


class MkdirParams(Params):
    """Which folders to make."""

    datasource: str = Field(min_length=1, description="Name of the datasource.")
    paths: tuple[str, ...] = Field(min_length=1, max_length=MOST_PATHS, description="The folders.")
    portable: bool = Field(default=False, description="Refuse names that Windows cannot have.")


class MkdirResult(Result):
    """What was done."""

    made: int
    """Folders, those above others included."""


@actor("mkdir", queue="sync")
def mkdir(run: Run, params: MkdirParams) -> MkdirResult:
    """Make folders, with those above them."""
    datasource = find_datasource(run, params.datasource)
    paths = selection_of(params.paths)
    for path in paths:
        _refuse_names(path, portable=params.portable)
    changed = ChangedFolders()
    before = int((run.state or {}).get("made", 0))
    made: set[bytes] = set()
    with telling(run, datasource.name, changed), closing(open_storage(datasource, check=run.check)) as storage:
        storage.verify()
        if not storage.capabilities.folders:
            run.log.warning(f"{datasource.name!r} has no folders by themselves: none was made")
            return MkdirResult(made=0)
        for number, path in enumerate(paths, start=1):
            run.check()
            _make(storage, path, made, changed)
            run.checkpoint({"made": before + len(made)})
            run.progress(number, len(paths), "folders")
    return MkdirResult(made=before + len(made))


def _make(storage: Storage, path: bytes, made: set[bytes], changed: ChangedFolders) -> None:
    """Make a folder and those above it that are not there; raises PermanentError if something else is in the way."""
    missing: list[bytes] = []
    while path:
        found = storage.stat(path)
        if found is not None and found.kind != Kind.FOLDER:
            raise PermanentError(f"{text_of(path)!r} is there already, and is a {found.kind}")
        if found is not None:
            break
        missing.append(path)
        path = split(path)[0]
    for folder in reversed(missing):
        try:
            storage.make_folder(folder)
        except OSError as error:
            if is_temporary(error):
                raise
            raise PermanentError(f"{text_of(folder)!r} cannot be made: {error.strerror or error}") from error
        made.add(folder)
        changed.add(split(folder)[0])


def _refuse_names(path: bytes, *, portable: bool) -> None:
    for name in path.split(b"/"):
        if problem := name_problem(name, portable=portable):
            raise PermanentError(f"the folder {text_of(path)!r} is not made: its name {text_of(name)!r} {problem}")
