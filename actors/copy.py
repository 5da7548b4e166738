"""The actor `copy`: copies files and folders into a folder, within one datasource or between two.

The plan:

1. Both storages are verified. Each selected entry gets its own name in the target folder, which is made if missing. A
   folder goes with all that is in it, and is merged into a folder of its name; nothing goes into itself.
2. Files that meet a file of their name follow `conflict`: they are skipped, overwrite it, get a number, or overwrite it
   if they are newer. A file never replaces a folder, nor a folder a file: that is told. What is skipped is told too,
   and so are links: not every storage can make one. What the patterns of either datasource leave out is not copied.
3. A copy is streamed, gets its name only when it is whole and the source still is what it was, and is read back and
   compared (`verify`). Several files are copied at once.
4. Files of 64 MiB and more are written chunk by chunk into a draft, where the target's storage has drafts. A chunk that
   is safe goes into the checkpoint as a digest; the next attempt goes on behind it, if the source looks the same.
5. `storage.changed` tells where the target was changed, so that its catalog follows.

A failure of one file is told and counted, the rest goes on, and the run fails at the end. A crash leaves whole files
only, and drafts under private names. Files are taken in one order, and the checkpoint holds how far they are: what was
copied is neither copied nor numbered again. After a kill, the last second is not in it; there a file of the target that
looks like a copy of its source is taken for one.

A paused or failed copy keeps its drafts for the next attempt, a cancelled one removes them; the clean-up of leftovers
takes those of tasks that have ended.

Not guaranteed: times and permissions of folders; a folder that is copied beside itself, if the process is killed within
the second after its name was chosen, may be begun twice; what somebody else puts at a name in the moment between the
last look and the copy's getting it may be replaced.
"""

from __future__ import annotations

from actors.copying.carrying import carry
from actors.copying.order import TransferParams
from actors.params import Result
from actors.registry import actor
from actors.run import Run


class CopyParams(TransferParams):
    """What to copy where."""


class CopyResult(Result):
    """What was done, all attempts together."""

    copied: int
    """Files."""
    bytes: int
    """In the files that were copied."""
    folders: int
    """How many were made."""
    verified: int
    """Files that were read back."""
    skipped: int
    """Entries that were left alone on purpose: links, files whose names were taken; the log names them."""


@actor("copy", queue="sync")
def copy(run: Run, params: CopyParams) -> CopyResult:
    """Copy files and folders into a folder of the same or another datasource."""
    counts = carry(run, params, moves=False)
    return CopyResult(
        copied=counts.copied,
        bytes=counts.bytes,
        folders=counts.folders,
        verified=counts.verified,
        skipped=counts.skipped,
    )
