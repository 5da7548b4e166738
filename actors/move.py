"""The actor `move`: moves files and folders into a folder, within one datasource or between two.

The plan is that of `copy`, but for this:

1. Within one datasource an entry is renamed: a folder in one step where nothing has its name, else it is merged, folder
   by folder and file by file. Object stores cannot rename folders: their files are renamed one by one. A file that is
   to be overwritten is set aside under a private name until the other one has its place.
2. Between datasources, or where a rename cannot be done, each file is copied and verified, then looked at once more,
   and removed from the source only if it still is what was copied. One that was changed stays, and is told.
3. Folders of the source go last, the deepest first, and only when they are empty: what was left out stays in them.
4. `storage.changed` tells where source and target were changed.

A crash at any moment leaves each file whole in at least one place. If that was between the copy and the removal, the
next attempt finds both, compares their contents, and removes the one in the source.

Not guaranteed, besides what `copy` does not: what a program writes into a file that it has open, after the last look at
it, is removed with it. In one datasource, a folder that goes in one step takes all with it that is in it,
links and what the patterns leave out included.
"""

from __future__ import annotations

from actors.copying.carrying import carry
from actors.copying.order import TransferParams
from actors.params import Result
from actors.registry import actor
from actors.run import Run


class MoveParams(TransferParams):
    """What to move where."""


class MoveResult(Result):
    """What was done, all attempts together."""

    moved: int
    """Files, and folders that were moved in one step."""
    bytes: int
    """In the files that were moved one by one."""
    folders: int
    """How many were made in the target."""
    verified: int
    """Files that were read back."""
    skipped: int
    """Entries that were left alone on purpose: links, files whose names were taken; the log names them."""


@actor("move", queue="sync")
def move(run: Run, params: MoveParams) -> MoveResult:
    """Move files and folders into a folder of the same or another datasource."""
    counts = carry(run, params, moves=True)
    return MoveResult(
        moved=counts.moved,
        bytes=counts.bytes,
        folders=counts.folders,
        verified=counts.verified,
        skipped=counts.skipped,
    )
