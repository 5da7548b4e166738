"""The actor `remove-empty-folders`: removes folders in which nothing is, or nothing but empty folders.

The plan:

1. The storage is verified, and listed with private names and with what the datasource's patterns leave out, so that a
   folder that only seems to be empty is not taken for one.
2. A folder goes when nothing is in it, or nothing was but folders that went before, and when its own time, as it was
   before those went, is older than `older_than`. The storage deletes a folder only if it is empty: what is put into it
   meanwhile saves it.
3. `storage.changed` tells where, so that the catalog follows.

These stay: the root and `path` itself, private folders, the homes of users and the folders that lead to them, folders
that the datasource's patterns leave out or that match `keep`, both with everything in them, and folders whose storage
does not say how old they are. Nothing happens where folders don't exist by themselves.

What cannot be listed or removed is told and counted, and the rest goes on. A crash leaves some of the folders; the next
run finds them.
"""

# ruff: noqa: G004 -- the log of a run takes finished text and is no logging.Logger
from __future__ import annotations

from contextlib import closing

from pydantic import Field

from actors.datasources.opening import open_storage
from actors.datasources.paths import path_of
from actors.datasources.storage import Kind
from actors.finding import find_datasource
from actors.params import Params, Result
from actors.recycling.moment import moment_of
from actors.registry import actor
from actors.run import Run
from actors.transferring.telling import telling
from actors.upkeep.folders import EmptyFolders, Removals, Spared
from rota.datasources import MAX_GLOBS, Glob
from rota.errors import PermanentError
from rota.fields import PositiveDuration
from rota.times import duration_ms


class RemoveEmptyFoldersParams(Params):
    """Where to look, and what to keep."""

    datasource: str = Field(min_length=1, description="Name of the datasource.")
    path: str = Field(default="", description="Only what is below this folder; empty for everything.")
    older_than: PositiveDuration = Field(default="P7D", description="How long nothing has happened in a folder.")
    keep: tuple[Glob, ...] = Field(
        default=(), max_length=MAX_GLOBS, description="Folders that stay with everything in them: drafts or */inbox."
    )
    dry_run: bool = Field(default=False, description="Say what would be removed, and change nothing.")


class RemoveEmptyFoldersResult(Result):
    """What was removed; what would be, for a dry run."""

    removed: int
    kept: int
    """Empty folders that are left alone: they are younger, homes of users, or filled meanwhile."""
    failed: int
    """Could not be listed or removed; the log names them."""
    folders: list[str]
    """Those that a dry run would remove; of very many the first."""


@actor("remove-empty-folders", queue="sync")
def remove_empty_folders(run: Run, params: RemoveEmptyFoldersParams) -> RemoveEmptyFoldersResult:
    """Remove folders in which nothing is, or nothing but empty folders."""
    datasource = find_datasource(run, params.datasource, whole=True)
    top, spared = path_of(params.path), Spared(datasource, params.keep)
    if spared.is_inside(top):
        raise PermanentError(f"path {params.path!r} is private, left out by the datasource's patterns, or to be kept")
    with closing(open_storage(datasource, check=run.check)) as storage:
        storage.verify()
        if not storage.capabilities.folders:
            run.log.info(f"{datasource.name}: folders don't exist by themselves there, so none is empty")
            return _result(Removals())
        row = storage.stat(top)
        if row is None or row.kind != Kind.FOLDER:
            raise PermanentError(f"datasource {datasource.name!r} has no folder {params.path!r}")
        folders = EmptyFolders(
            run,
            storage,
            spared,
            top=top,
            modified_before_ns=(moment_of(run) - duration_ms(params.older_than)) * 1_000_000,
            dry_run=params.dry_run,
        )
        with telling(run, datasource.name, folders.changed):
            folders.remove()
    removals = folders.removals
    would = "would have " if params.dry_run else ""
    run.log.info(
        f"{datasource.name}: {would}removed {removals.removed:,} empty folders; {removals.kept:,} are left alone,"
        f" {removals.failed:,} failed"
    )
    return _result(removals)


def _result(removals: Removals) -> RemoveEmptyFoldersResult:
    return RemoveEmptyFoldersResult(
        removed=removals.removed, kept=removals.kept, failed=removals.failed, folders=removals.folders
    )
