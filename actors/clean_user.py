"""The actor `clean-user`: brings what a removed user leaves behind into the bin, where an administrator finds it.

The plan:

1. The datasource's `homes` name the folder in which each user has one of their name. Without `homes`, or without such
   a folder, there is nothing to do; a link or a file of that name is told and left alone.
2. The folder goes into the bin as one item, with everything in it, whatever the rules of the bin say: in one step, or
   file by file where the storage cannot move folders. It is recorded with the time until which it is kept.
3. `storage.changed` tells where it was, so that the catalog follows.

Until then it can be restored like any item; afterwards the purge removes it. Repeating it finds the work done: an item
has the same id in each attempt of a task. A crash leaves the folder where it was, or in the bin with its information
beside it, from which the next attempt or the next purge makes its record.

Only data in storages is cleaned up. What the user owned in Rota, jobs and tokens, is for those who remove users.
"""

# ruff: noqa: G004 -- the log of a run takes finished text and is no logging.Logger
from __future__ import annotations

from contextlib import closing

from pydantic import Field

from actors.datasources.opening import open_storage
from actors.datasources.paths import text_of
from actors.datasources.storage import Datasource, Kind
from actors.finding import find_datasource
from actors.params import Params, Result
from actors.recycling.deleting import DeleteCounts, Deleter, DeleteTally
from actors.recycling.moment import arrival_of
from actors.registry import actor
from actors.run import Run
from actors.syncing.meter import sized
from actors.transferring.telling import ChangedFolders, telling
from actors.upkeep.homes import home_of
from rota.fields import PositiveDuration
from rota.times import duration_ms


class CleanUserParams(Params):
    """Whose data to clean up, and how long it is kept."""

    datasource: str = Field(min_length=1, description="Name of the datasource.")
    user: str = Field(min_length=1, max_length=255, description="Name of the user, which is that of their folder.")
    keep: PositiveDuration = Field(default="P30D", description="How long an administrator can restore it.")


class CleanUserResult(Result):
    """What went into the bin."""

    moved: int
    """1, or 0 if there was nothing."""
    entries: int
    """The folder and everything in it."""
    bytes: int
    """Of all files."""


@actor("clean-user", queue="sync")
def clean_user(run: Run, params: CleanUserParams) -> CleanUserResult:
    """Bring the folder of a removed user into the bin, and keep it there for some time."""
    datasource = find_datasource(run, params.datasource, whole=True)
    home = home_of(datasource.rules.homes, params.user)
    if home is None:
        run.log.info(f"{datasource.name}: has no homes of users")
        return CleanUserResult(moved=0, entries=0, bytes=0)
    tally, changed = DeleteTally(run, counts=DeleteCounts(), total=1), ChangedFolders()
    with telling(run, datasource.name, changed):
        _clean(run, datasource, home, keep_ms=duration_ms(params.keep), tally=tally, changed=changed)
    tally.raise_failures()
    counts = tally.counts
    return CleanUserResult(moved=counts.removed, entries=counts.items, bytes=counts.bytes)


def _clean(
    run: Run, datasource: Datasource, home: bytes, *, keep_ms: int, tally: DeleteTally, changed: ChangedFolders
) -> None:
    with closing(open_storage(datasource, check=run.check)) as storage:
        storage.verify()
        row = storage.stat(home)
        if row is None and run.attempt == 1:
            run.log.info(f"{datasource.name}: {text_of(home)!r} is not there")
            return
        if row is not None and row.kind != Kind.FOLDER:
            run.log.warning(f"{datasource.name}: {text_of(home)!r} is a {row.kind}, no folder, and is left alone")
            return
        deleter = Deleter(run, datasource, storage, tally=tally, changed=changed)
        deleter.keep(home, keep_until=arrival_of(run) + keep_ms, check=run.check)
        tally.report(ended=True)
    counts = tally.counts
    run.log.info(
        f"{datasource.name}: brought {text_of(home)!r} into the bin, {counts.items:,} entries with"
        f" {sized(counts.bytes)}; {tally.failed:,} failed"
    )
