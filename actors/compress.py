"""The actor `compress`: packs files and folders into one archive.

The plan:

1. Both storages are verified. The archive gets its name: the one that was given, or that of what is packed; where
   something has it, `conflict` decides. Missing folders that lead to it are made.
2. The selection is looked through once, sorted by the bytes of its paths, and written down on this machine: so the
   total is known, and the archive is the same whenever its entries are. The archive itself does not go in, nor what is
   left out by the patterns of the datasource or of the order. A file has the size that it had then.
3. The entries are read and packed by all processors. A file that is gone, cannot be read or is changed while it is read
   is noted, and so are links that are skipped; the archive is valid whatever happens. Links are never followed.
4. The archive is written under private names. Where the target's storage has drafts to the byte, it is kept after every
   64 MiB and every 5 seconds how far it is: another attempt goes on there, and makes the same bytes. If the file that
   is begun has changed by then, it goes on before that. On other storages it begins again.
5. The source is verified once more, the checksums are written, and the archive gets its name: of a divided one the last
   part first. `storage.changed` tells where.

A crash leaves private drafts only. A paused or failed attempt keeps them for the next one; one that is cancelled, or
cannot go on, removes them; those of tasks that never come back are for `clean-leftovers`.

Not guaranteed: one moment for all files; the same bytes with a password, whose salt is drawn at random; permissions
beyond "may be executed", which only folders of this machine tell. What somebody else puts at a name in the moment
between the last look and the archive's getting it may be replaced.
"""

# ruff: noqa: G004 -- the log of a run takes finished text and is no logging.Logger
from __future__ import annotations

from actors.compressing.order import CompressParams, Order
from actors.compressing.resume import State
from actors.compressing.setting import working
from actors.compressing.work import Compressing
from actors.datasources.paths import text_of
from actors.finding import find_datasource
from actors.params import Result
from actors.registry import actor
from actors.run import Run
from actors.syncing.meter import sized
from actors.transferring.telling import ChangedFolders, telling

__all__ = ["CompressParams", "CompressResult", "Note", "compress"]


class Note(Result):
    """What somebody should know of an entry."""

    path: str
    note: str


class CompressResult(Result):
    """What was made, all attempts together."""

    datasource: str
    """Where the archive is."""
    path: str
    """Of the archive; of its first part if it is divided."""
    format: str
    parts: int
    """How many files the archive consists of."""
    entries: int
    """Files, folders and links in it."""
    bytes_in: int
    """In the files, before they were packed."""
    bytes_out: int
    """Of the archive."""
    manifest: str | None
    """Path of the checksums."""
    noted: int
    """How many entries something is to be said of: left out, gone, changed while they were read; the log names them."""
    notes: tuple[Note, ...]
    """The first of them."""


@actor("compress", queue="archive", isolate=True)
def compress(run: Run, params: CompressParams) -> CompressResult:
    """Pack files and folders into one archive."""
    source = find_datasource(run, params.datasource)
    target = find_datasource(run, params.target_datasource) if params.target_datasource else source
    order = Order.of(params)
    changed = ChangedFolders()
    with telling(run, target.name, changed), working(run, params, source, target) as setting:
        done = Compressing(setting, order, State.from_json(run.state), changed).execute()
        setting.tally.report(ended=True)
    counts, manifest = done.counts, done.goal.manifest
    path = text_of(done.goal.part(1))
    run.log.info(
        f"packed {counts.entries:,} entries with {sized(counts.bytes)} into {path!r}, {sized(done.size)};"
        f" {counts.noted:,} noted"
    )
    return CompressResult(
        datasource=target.name,
        path=path,
        format=order.format,
        parts=done.parts,
        entries=counts.entries,
        bytes_in=counts.bytes,
        bytes_out=done.size,
        manifest=None if manifest is None else text_of(manifest),
        noted=counts.noted,
        notes=tuple(Note(**note) for note in done.notes),
    )
