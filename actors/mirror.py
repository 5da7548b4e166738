"""The actor `mirror`: makes one datasource equal to another, one way.

The plan:

1. Both storages are verified, and refused if one lies in the other.
2. Both are listed side by side, folder by folder. Files that differ in size or time are copied; where times cannot
   tell (object stores, WebDAV), what was remembered of the last copy decides, and without it the contents of both.
3. A copy is streamed, gets its name only when it is whole and the source still is what it was, and is read back and
   compared (`verify`). Missing folders are made. Links are told and left out: not every storage can make one.
4. Last, when all was listed and copied without a failure and both storages were verified again, what the source does
   not have any more is removed: into the target's bin, for good, or not at all (`deleted`). Each entry is looked for in
   the source once more. An emptied source, and more than half of the target gone, is refused unless confirmed.
5. `storage.changed` tells where the target was changed, so that its catalog follows.

What the patterns of either datasource leave out counts for neither: it is not copied and not removed.

A failure of one file is told and counted, the rest goes on, and the run fails at the end without having removed
anything. A crash leaves whole files only, and drafts under private names. The next attempt lists everything again,
because a removal must be judged by a fresh and complete listing; what was copied is not copied again. The checkpoint
holds the counts.

Not guaranteed: times and permissions of folders; a copy that was made but not yet read back when the process was
killed is taken for good; two mirrors into one target at the same time. Let the job's concurrency key prevent that.
"""

# ruff: noqa: G004 -- the log of a run takes finished text and is no logging.Logger
from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import asdict
from typing import Literal

from pydantic import Field

from actors.datasources.opening import open_storage
from actors.datasources.paths import path_of
from actors.datasources.storage import Datasource
from actors.finding import find_datasource
from actors.mirroring.memory import Memory
from actors.mirroring.removing import Remover
from actors.mirroring.setting import Order, Setting
from actors.mirroring.settling import Settler
from actors.mirroring.tally import Counts, Tally
from actors.mirroring.work import Mirroring
from actors.params import Params, Result
from actors.registry import actor
from actors.run import Run
from actors.syncing.meter import sized
from actors.threads import Stopping
from actors.transferring.copying import Copier
from actors.transferring.pace import retries_between, threads_between
from actors.transferring.places import refuse_overlap
from actors.transferring.reading import Reader
from actors.transferring.sides import Scope
from actors.transferring.telling import ChangedFolders, telling


class MirrorParams(Params):
    """What to mirror onto what."""

    datasource: str = Field(min_length=1, description="Name of the datasource that is copied.")
    target: str = Field(min_length=1, description="Name of the datasource that becomes equal to it.")
    path: str = Field(default="", description="Only this folder or file and what is below it; empty for everything.")
    deleted: Literal["bin", "remove", "keep"] = Field(
        default="bin", description="What happens in the target to entries that the source does not have any more."
    )
    verify: bool = Field(default=True, description="Read every copy back and compare it.")
    dry_run: bool = Field(default=False, description="Count what would be done, and change nothing.")
    max_bytes_per_second: int | None = Field(
        default=None, ge=1024, description="Most bytes a second in each direction; no limit if unset."
    )
    allow_deletions: bool = Field(
        default=False, description="Confirm that an emptied source, or more than half of the target gone, is right."
    )
    confirmed_deletions: int = Field(
        default=0, ge=0, description="So many entries may be removed although it is more than half of the target."
    )


class MirrorResult(Result):
    """What was done, all attempts together; what would be done, for a dry run."""

    copied: int
    """Files."""
    removed: int
    """Entries, those in folders included."""
    bytes: int
    """In the files that were copied."""
    folders: int
    """How many were made."""
    verified: int
    """Files that were read back."""
    skipped: int
    """Entries that were left alone on purpose: links, pipes, other file systems; the log names them."""


@actor("mirror", queue="sync")
def mirror(run: Run, params: MirrorParams) -> MirrorResult:
    """Make one datasource equal to another: copy what is new or changed, remove what is gone."""
    source, target = find_datasource(run, params.datasource), find_datasource(run, params.target)
    order = Order(
        path=path_of(params.path),
        dry_run=params.dry_run,
        removes=params.deleted != "keep",
        max_deleted=target.rules.max_deleted,
        allow_deletions=params.allow_deletions,
        confirmed_deletions=params.confirmed_deletions,
    )
    refuse_overlap(source, target)
    # A dry run counts from the start: it changed nothing that the next attempt would not find.
    state = {} if params.dry_run else run.state or {}
    expected = None if order.path else run.catalog(source.name).totals().entries or None
    tally = Tally(run, counts=Counts(**state.get("counts", {})), total=expected)
    changed = ChangedFolders()
    with telling(run, target.name, changed):
        try:
            _mirror(run, params, order, source=source, target=target, tally=tally, changed=changed)
        finally:
            _tell(run, params, tally)
    return MirrorResult(**asdict(tally.counts))


def _mirror(
    run: Run,
    params: MirrorParams,
    order: Order,
    *,
    source: Datasource,
    target: Datasource,
    tally: Tally,
    changed: ChangedFolders,
) -> None:
    """Open both storages, put the parts of a mirror together, and let them work."""
    stopping = Stopping(run.check)
    check = stopping.check
    size = threads_between(source, target)
    with ExitStack() as stack:
        setting = Setting(
            run=run,
            order=order,
            source=stack.enter_context(closing(open_storage(source, check=check))),
            target=stack.enter_context(closing(open_storage(target, check=check))),
            scope=Scope(source.rules, target.rules),
            tally=tally,
            check=check,
            changed=changed,
        )
        remover = Remover(setting, name=target.name, to_bin=params.deleted == "bin", rules=target.rules.bin)
        # When all threads have ended, so that nothing that went into the bin is left unrecorded.
        stack.callback(remover.flush)
        threads = stack.enter_context(stopping.threads(size, "mirror"))
        copier = Copier(
            setting,
            Reader(setting, bytes_per_second=params.max_bytes_per_second),
            verify=params.verify,
            retries=retries_between(source, target),
        )
        settler = Settler(setting, copier, Memory(source, setting.target), threads)
        Mirroring(setting, settler=settler, remover=remover, threads=threads).execute()


def _tell(run: Run, params: MirrorParams, tally: Tally) -> None:
    counts = tally.counts
    tally.report(ended=True)
    would = "would have " if params.dry_run else ""
    run.log.info(
        f"{params.target}: {would}copied {counts.copied:,} files with {sized(counts.bytes)}, made {counts.folders:,}"
        f" folders, removed {counts.removed:,} entries; {counts.skipped:,} left out, {tally.failed:,} failed"
    )
