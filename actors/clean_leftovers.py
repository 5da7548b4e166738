"""The actor `clean-leftovers`: removes from a datasource what writes and deletions left that were killed.

The plan:

1. The storage is verified, and listed with Rota's private names, one folder after the other. Of those names only these
   are touched, and only if they are files (folders for trees and the last) and their time and the one in their name are
   older than `older_than`:
   - drafts that were written in one go;
   - drafts that a task keeps for its next attempt, once the task has ended;
   - trees that a task has filled, once the task has ended, each with all that is in it;
   - the plan that a renaming keeps in `.rota/renames`, once its task has ended;
   - the file with which a test of the datasource tries to write;
   - files that a storage which cannot replace one in one step has set aside: put back after ten minutes if their place
     is empty, else removed.
2. In the bin, information without an item and folders of items with nothing in them go when they are so old, unless
   there is a record of the item: then the purge finishes what was begun with it.
3. Where the service keeps the parts of broken uploads, those go that were begun so long ago, unless an open task keeps
   a draft of that file.
4. `storage.changed` tells where a file was put back.

Each is looked at once more right before it goes. The time is this machine's, but none later than when the run was
admitted. What cannot be read or removed is told and counted, and the rest goes on. A crash leaves less; the next run
does the rest.

Nothing else is touched: other names, whatever they look like; links and folders with the names of drafts; tombs, which
the purge finishes; what lies in the items of the bin. In object stores no folders are gone through, for their drafts
are uploads, and their trees lie together. `older_than` must be longer than the longest upload takes that is written in
one go.
"""

# ruff: noqa: G004 -- the log of a run takes finished text and is no logging.Logger
from __future__ import annotations

from contextlib import closing
from dataclasses import asdict

from pydantic import Field

from actors.datasources.opening import open_storage
from actors.datasources.storage import Kind, Unlisted, Why
from actors.finding import find_datasource
from actors.params import Params, Result
from actors.probe import TRIAL
from actors.recycling.moment import moment_of, wall_ms
from actors.registry import actor
from actors.run import Run
from actors.syncing.meter import Meter, sized
from actors.transferring.telling import telling
from actors.upkeep.cleaning import Cleaning
from actors.upkeep.drafts import Drafts
from actors.upkeep.leftovers import Ages, is_entered
from actors.upkeep.plans import Plans
from actors.upkeep.strays import Strays
from actors.upkeep.uploads import Uploads
from actors.upkeep.walking import walk
from rota.fields import PositiveDuration
from rota.times import duration_ms

# What is written there is invisible until it is whole.
_OBJECT_STORES = frozenset({"s3", "gcs", "azure"})


class CleanLeftoversParams(Params):
    """What to clean."""

    datasource: str = Field(min_length=1, description="Name of the datasource.")
    older_than: PositiveDuration = Field(
        default="P1D", description="How old something must be; longer than the longest upload takes."
    )
    dry_run: bool = Field(default=False, description="Count what would be done, and change nothing.")


class CleanLeftoversResult(Result):
    """What was found; what would be done, for a dry run."""

    drafts: int
    """Removed, files that were set aside and replaced among them."""
    uploads: int
    """Thrown away."""
    infos: int
    """Files and folders of the bin that belong to no item, removed."""
    bytes: int
    """In the files that were removed."""
    restored: int
    """Files that were set aside, and put back."""
    kept: int
    """Left alone, because they are younger or a task comes back for them."""
    failed: int
    """Could not be read or removed; the log names them."""


@actor("clean-leftovers", queue="sync")
def clean_leftovers(run: Run, params: CleanLeftoversParams) -> CleanLeftoversResult:
    """Remove drafts, uploads and traces in the bin that nobody goes on with."""
    datasource = find_datasource(run, params.datasource, whole=True)
    ages = Ages(now_ms=moment_of(run), clock_ms=wall_ms(), older_than_ms=duration_ms(params.older_than))
    with closing(open_storage(datasource, check=run.check)) as storage:
        storage.verify()
        cleaning = Cleaning(run=run, datasource=datasource.name, storage=storage, ages=ages, dry_run=params.dry_run)
        with telling(run, datasource.name, cleaning.changed):
            _clean(cleaning, in_folders=datasource.kind not in _OBJECT_STORES)
    counts = cleaning.counts
    would = "would have " if params.dry_run else ""
    run.log.info(
        f"{datasource.name}: {would}removed {counts.drafts:,} drafts, {counts.uploads:,} uploads and {counts.infos:,}"
        f" traces in the bin, {sized(counts.bytes)} in all; {would}put back {counts.restored:,}; {counts.kept:,} are"
        f" left alone, {counts.failed:,} failed"
    )
    return CleanLeftoversResult(**asdict(counts))


def _clean(cleaning: Cleaning, *, in_folders: bool) -> None:
    drafts = Drafts(cleaning)
    Strays(cleaning, drafts).clean()
    Uploads(cleaning, drafts).clean()
    Plans(cleaning).clean()
    if in_folders:
        _clean_folders(cleaning, drafts)
    drafts.finish()
    _clean_trial(cleaning)


def _clean_trial(cleaning: Cleaning) -> None:
    """Remove the file of a probe that was killed; the next one would do so as well."""
    row = cleaning.storage.stat(TRIAL)
    if row is not None and row.kind == Kind.FILE and cleaning.ages.is_old(0, row.modified_ns):
        cleaning.counts.drafts += cleaning.remove(TRIAL, row)


def _clean_folders(cleaning: Cleaning, drafts: Drafts) -> None:
    meter = Meter(cleaning.run, label="looked at")
    for found in walk(cleaning.storage, b"", enters=is_entered, check=cleaning.run.check):
        if isinstance(found, Unlisted):
            if found.why is Why.FAILED:
                cleaning.fail(found.path, found.reason)
            continue
        drafts.visit(found)
        meter.add(len(found.rows), 0)
    meter.report(ended=True)
