"""The actor `delete`: deletes files, links and folders of a datasource into its bin.

The plan, per path, one after the other:

1. All paths are checked before anything is done: none is the datasource itself, none is Rota's own, none leads
   elsewhere. One that is in another one is deleted with it.
2. What is there is counted. The information goes beside the place in the bin first, then the entry itself in one step
   (file by file where the storage cannot move folders), then the record. A crash between the last two leaves an item
   with its information: the next attempt knows it, because an item has the same id in each attempt of a task, and
   otherwise the next purge records it.
3. Where the rules say that deletions do not go to the bin, and if it is asked for (`permanently`), the items are
   deleted for good right after, by the two steps of a purge: nothing is ever deleted by its path. An item that a rule
   holds stays in the bin.
4. `storage.changed` tells which folders were changed, so that the catalog follows.

A path that is not there is told and counted. A failure of one is told and counted, the rest goes on, and the run fails
at the end. Repeating it has the same end.

Not guaranteed: what is put into a folder while it is counted is deleted with it, and not counted.
"""

# ruff: noqa: G004 -- the log of a run takes finished text and is no logging.Logger
from __future__ import annotations

from contextlib import closing
from typing import Annotated

from pydantic import Field

from actors.datasources.bins import Recycled
from actors.datasources.opening import open_storage
from actors.datasources.paths import split
from actors.datasources.storage import Datasource, Storage
from actors.finding import find_datasource
from actors.params import Params, Result
from actors.recycling.burial import Burial, Outcome
from actors.recycling.deleting import DeleteCounts, Deleter, DeleteTally
from actors.recycling.holding import Holds
from actors.recycling.named import deletable
from actors.registry import actor
from actors.run import Run
from actors.syncing.meter import sized
from actors.transferring.telling import ChangedFolders, telling
from rota.purging import Why

PathText = Annotated[str, Field(min_length=1, max_length=8192)]


class DeleteParams(Params):
    """What to delete."""

    datasource: str = Field(min_length=1, description="Name of the datasource.")
    paths: tuple[PathText, ...] = Field(
        min_length=1, max_length=500, description="Files, links and folders, each relative to the datasource."
    )
    permanently: bool = Field(default=False, description="Delete for good what would go to the bin.")


class DeleteResult(Result):
    """What was deleted."""

    removed: int
    """Of the paths, those in each other counted as one."""
    items: int
    """Entries, those in folders included."""
    bytes: int
    """Of all files."""
    skipped: int
    """Of the paths, those at which there was nothing."""
    for_good: int
    """Of the removed, those that are not in the bin either."""


@actor("delete", queue="sync")
def delete(run: Run, params: DeleteParams) -> DeleteResult:
    """Delete files, links and folders: into the bin, or for good where the rules say so."""
    datasource = find_datasource(run, params.datasource, whole=True)
    paths = deletable(params.paths)
    tally = DeleteTally(run, counts=DeleteCounts(), total=len(paths))
    changed = ChangedFolders()
    with telling(run, datasource.name, changed):
        try:
            for_good = _delete(run, params, datasource, paths=paths, tally=tally, changed=changed)
        finally:
            _tell(run, params, tally)
    tally.raise_failures()
    counts = tally.counts
    return DeleteResult(
        removed=counts.removed, items=counts.items, bytes=counts.bytes, skipped=counts.skipped, for_good=for_good
    )


def _delete(
    run: Run,
    params: DeleteParams,
    datasource: Datasource,
    *,
    paths: list[bytes],
    tally: DeleteTally,
    changed: ChangedFolders,
) -> int:
    """Delete all paths and say how many items are gone for good."""
    with closing(open_storage(datasource, check=run.check)) as storage:
        storage.verify()
        deleter = Deleter(run, datasource, storage, tally=tally, changed=changed)
        for path in paths:
            run.check()
            deleter.delete(path, permanently=params.permanently, check=run.check)
            tally.settled()
        if not deleter.doomed:
            return 0
        return _bury(run, datasource, storage, deleter.doomed)


def _bury(run: Run, datasource: Datasource, storage: Storage, doomed: list[Recycled]) -> int:
    """Delete these items for good and say how many are gone; what a pattern holds stays."""
    records = run.bin(datasource.name)
    named = records.named([split(item.bin_path)[0] for item in doomed])
    held = Holds(datasource.rules.bin.hold, storage, check=run.check).among(named)
    outcome = Outcome()
    outcome.kept[Why.HELD] += len(held)
    Burial(run, storage, records, outcome=outcome).bury((item.id, Why.ASKED) for item in named if item.id not in held)
    for why, count in outcome.kept_counts().items():
        run.log.warning(f"{count:,} items stay in the bin: {why}")
    return outcome.removed


def _tell(run: Run, params: DeleteParams, tally: DeleteTally) -> None:
    counts = tally.counts
    tally.report(ended=True)
    run.log.info(
        f"{params.datasource}: deleted {counts.removed:,} with {counts.items:,} entries and {sized(counts.bytes)};"
        f" {counts.skipped:,} were not there, {tally.failed:,} failed"
    )
