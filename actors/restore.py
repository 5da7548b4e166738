"""The actor `restore`: takes items out of a bin, to where they were or into another folder.

The plan, per item, one after the other:

1. Its record is claimed, so that no purge takes it meanwhile; an item that is claimed already stays.
2. Missing folders above are made. The item is renamed to its place only if nothing is there; otherwise it stays in the
   bin, or gets a number behind its name (`conflict`). An item that was changed in the bin is restored as it is.
3. The information beside it goes, its place in the bin, and its record last.
4. `storage.changed` tells which folders were changed, so that the catalog follows.

Where a storage cannot move folders, a folder is restored file by file; where to is written beside the item first, so
that the next attempt, or the next restore, goes on with the same place. Until then the rest stays in the bin, and the
next purge lets its time begin anew.

A crash leaves an item in one of the two places, and a record that says too much: the next attempt, or the next purge,
settles it. A failure of one item is told and counted, the rest goes on, and the run fails at the end.
"""

# ruff: noqa: G004 -- the log of a run takes finished text and is no logging.Logger
from __future__ import annotations

from contextlib import closing
from typing import Annotated

from pydantic import Field, model_validator

from actors.bin_records import BinRecords, Item
from actors.datasources.opening import open_storage
from actors.datasources.paths import path_of
from actors.datasources.storage import Datasource
from actors.finding import find_datasource
from actors.params import Params, Result
from actors.recycling.named import folder_of, item_names
from actors.recycling.restored import KeptItem, RestoreTally
from actors.recycling.restoring import Conflict, Restorer, Stays
from actors.registry import actor
from actors.run import Run
from actors.syncing.meter import sized
from actors.transferring.telling import ChangedFolders, telling
from rota.errors import TemporaryError


class RestoreParams(Params):
    """What to restore, and where to."""

    datasource: str = Field(min_length=1, description="Name of the datasource.")
    items: tuple[str, ...] = Field(default=(), max_length=500, description="Ids of items.")
    paths: tuple[Annotated[str, Field(min_length=1, max_length=8192)], ...] = Field(
        default=(), max_length=500, description="Where items were: of each path the one that was deleted last."
    )
    target: str = Field(
        default="", max_length=8192, description="Folder that they are put in; where they were if left out."
    )
    conflict: Conflict = Field(
        default="skip", description="Where something is there already: leave the item in the bin, or number its name."
    )

    @model_validator(mode="after")
    def _about_something(self) -> RestoreParams:
        if not self.items and not self.paths:
            raise ValueError("items or paths are required: they say what is to be restored")
        return self


class RestoreResult(Result):
    """What was restored."""

    restored: int
    """Items."""
    entries: int
    """What was in them included."""
    bytes: int
    """Of all files."""
    kept: list[KeptItem]
    """The first that stay in the bin."""
    paths: list[str]
    """Where the first are that were restored."""
    more: int
    """How many of either are not listed."""


@actor("restore", queue="sync")
def restore(run: Run, params: RestoreParams) -> RestoreResult:
    """Take items out of a bin, to where they were or into another folder; what is there is never replaced."""
    datasource = find_datasource(run, params.datasource, whole=True)
    folder = folder_of(params.target)
    names, paths = item_names(params.items), list(dict.fromkeys(map(path_of, params.paths)))
    tally = RestoreTally(run, total=len(names) + len(paths))
    changed = ChangedFolders()
    with telling(run, datasource.name, changed):
        try:
            items = _found(run.bin(datasource.name), names, paths, tally)
            _restore(run, params, datasource, items=items, folder=folder, tally=tally, changed=changed)
        finally:
            _tell(run, params, tally)
    tally.raise_failures()
    counts = tally.counts
    return RestoreResult(
        restored=counts.restored,
        entries=counts.entries,
        bytes=counts.bytes,
        kept=tally.kept,
        paths=tally.paths,
        more=tally.more,
    )


def _found(records: BinRecords, names: list[bytes], paths: list[bytes], tally: RestoreTally) -> list[Item]:
    """Give the items that were named, each once; what is not in the bin is told."""
    by_name = {item.recycled.bin_path.partition(b"/")[0]: item for item in records.named(names)}
    by_path = records.deleted_from(paths)
    for missing in (*(name for name in names if name not in by_name), *(path for path in paths if path not in by_path)):
        tally.stays(missing, "nothing of that name is in the bin")
    items = [by_name[name] for name in names if name in by_name] + [by_path[path] for path in paths if path in by_path]
    return list({item.id: item for item in items}.values())


def _restore(
    run: Run,
    params: RestoreParams,
    datasource: Datasource,
    *,
    items: list[Item],
    folder: bytes | None,
    tally: RestoreTally,
    changed: ChangedFolders,
) -> None:
    with closing(open_storage(datasource, check=run.check)) as storage:
        storage.verify()
        restorer = Restorer(run, storage, run.bin(datasource.name), conflict=params.conflict, changed=changed)
        for item in items:
            run.check()
            try:
                restored = restorer.restore(item, folder)
            except Stays as reason:
                tally.stays(item.recycled.original_path, str(reason))
            except (OSError, TemporaryError) as error:
                tally.fail(item.recycled.original_path, error)
            else:
                tally.add(restored=1, entries=restored.entries, bytes=restored.bytes)
                tally.settled(restored.path)


def _tell(run: Run, params: RestoreParams, tally: RestoreTally) -> None:
    counts = tally.counts
    tally.report(ended=True)
    run.log.info(
        f"{params.datasource}: restored {counts.restored:,} items with {counts.entries:,} entries and"
        f" {sized(counts.bytes)}; {len(tally.kept):,} stay in the bin, {tally.failed:,} failed"
    )
