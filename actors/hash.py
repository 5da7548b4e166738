"""The actor `hash`: gives the checksum of every file, and writes a manifest of them where one is wanted.

The plan:

1. The storage is verified, and the place of the manifest looked at, before anything is read.
2. The tree is walked in the order of the bytes of whole paths. Several files are read at once, each piece by piece;
   over a network the next piece is asked for while one is hashed.
3. A file that was changed while it was read is read once more, and counts as failed if it is changed again. What cannot
   be read is told and counted, and the rest goes on. Links are told and left out.
4. The lines of the manifest are those of `sha256sum`, sorted by path. They are kept now and then as drafts beside it,
   and become the file in one step once everything was hashed and the storage verified again.

A run that is interrupted goes on behind the last path that was kept; what was hashed since is hashed again. A crash
leaves the old manifest or the new one. The drafts go when the run ends; those of a task that never comes back are for
`clean-leftovers`.

Not guaranteed: one moment for the whole tree. Each file is of one content, and they are read one after the other.
"""

# ruff: noqa: G004 -- the log of a run takes finished text and is no logging.Logger
from __future__ import annotations

from contextlib import suppress
from typing import Literal

from pydantic import Field, model_validator

from actors.datasources.globs import Selection
from actors.datasources.paths import path_of, split, text_of
from actors.datasources.storage import Datasource
from actors.finding import find_datasource
from actors.hashing.algorithms import Checksum
from actors.hashing.etags import SMALLEST_PART
from actors.hashing.manifest import begin_manifest, refuse_outside
from actors.hashing.resume import Resume
from actors.hashing.setting import refuse_private, roots_of, scope_of, working
from actors.hashing.tally import Counts, Tally
from actors.hashing.work import ETAG, Hashing
from actors.params import Params, Result
from actors.registry import actor
from actors.run import Run
from actors.syncing.meter import sized
from actors.transferring.telling import ChangedFolders
from rota.errors import Cancelled, PermanentError, RotaError


class HashParams(Params):
    """What to hash, and how."""

    datasource: str = Field(min_length=1, description="Name of the datasource.")
    paths: tuple[str, ...] = Field(
        default=(),
        max_length=10_000,
        description="Only these files and folders, with all in them; everything if empty.",
    )
    algorithm: Checksum | Literal["etag"] = Field(
        default="sha256", description="Which checksum; etag is the one that S3 makes of the content."
    )
    part_size: int | None = Field(
        default=None,
        ge=SMALLEST_PART,
        description="Bytes of a part, for etags of files sent in parts; found out from the known etag if unset.",
    )
    target: str = Field(default="", description="Path of the manifest that is written; none if empty.")
    target_datasource: str = Field(
        default="", description="Datasource that the manifest goes to; the one that is hashed if empty."
    )

    @model_validator(mode="after")
    def _agree(self) -> HashParams:
        if self.algorithm == ETAG and self.target:
            raise ValueError("a manifest holds checksums, and no etags: leave out target, or take another algorithm")
        if self.algorithm != ETAG and self.part_size is not None:
            raise ValueError("part_size is for the algorithm etag")
        if self.target_datasource and not self.target:
            raise ValueError("target_datasource needs a target: the path of the manifest there")
        return self


class Item(Result):
    """One file."""

    path: str
    hash: str
    """`algorithm:hex`."""


class HashResult(Result):
    """What was hashed, all attempts together."""

    files: int
    bytes: int
    failed: int
    """Files and folders that could not be read; the log names them."""
    skipped: int
    """Entries that were left alone on purpose: links, pipes, other file systems; the log names them."""
    path: str | None
    """Of the manifest."""
    items: tuple[Item, ...]
    """The first files."""
    more: bool
    """Whether there are others."""


@actor("hash", queue="sync")
def hash_entries(run: Run, params: HashParams) -> HashResult:
    """Compute the checksums of files, and write them into a manifest."""
    source = find_datasource(run, params.datasource)
    target = find_datasource(run, params.target_datasource) if params.target_datasource else source
    paths, path = scope_of(params.paths), path_of(params.target)
    # Names in a manifest are relative to its folder, or elsewhere to the root of what was hashed.
    base = split(path)[0] if target.name == source.name else b""
    if path:
        refuse_private(path)
        refuse_outside(paths, base)
    resume = Resume.from_json(run.state)
    tally = Tally(run)
    with working(run, [source, target] if path else [source], tally) as setting:
        setting.storages[0].verify()
        manifest = begin_manifest(run, setting.storages[1], path) if path else None
        if manifest is not None and not manifest.lines.resume(resume.pieces, resume.kept_bytes):
            run.log.warning("what was kept of the manifest is not what it was: everything is hashed again")
            resume = Resume()
        _count_from(tally, resume, run, source, paths)
        hashing = Hashing(
            setting, resume, algorithm=params.algorithm, part_size=params.part_size, manifest=manifest, base=base
        )
        try:
            roots = roots_of(setting.storages[0], paths, Selection.of(source.rules))
            hashing.execute(roots, leave_out=path if path and target.name == source.name else None)
            setting.threads.check()
            setting.storages[0].verify()
            _refuse_nothing(tally, wants_manifest=manifest is not None)
            if manifest is not None:
                manifest.publish()
        except (PermanentError, Cancelled):
            if manifest is not None:
                with suppress(RotaError, OSError):
                    manifest.lines.discard()
            raise
    if path:
        changed = ChangedFolders()
        changed.add(split(path)[0])
        run.emit("storage.changed", {"datasource": target.name, "paths": changed.paths()}, target.name)
    return _result(run, tally, resume, text_of(path) if path else None)


def _count_from(tally: Tally, resume: Resume, run: Run, source: Datasource, paths: list[bytes]) -> None:
    """Begin to count where an earlier attempt ended; how much there is, the catalog knows of the whole only."""
    tally.begin(Counts(files=resume.files, bytes=resume.bytes, skipped=resume.skipped), failed=resume.failed)
    if paths == [b""]:
        tally.total = run.catalog(source.name).totals().bytes or None


def _refuse_nothing(tally: Tally, *, wants_manifest: bool) -> None:
    """Raise where no file was hashed, so that an empty list never takes the place of a full one."""
    if tally.counts.files:
        return
    tally.raise_failures()
    if wants_manifest:
        raise PermanentError("there is no file to hash, so no manifest is written")


def _result(run: Run, tally: Tally, resume: Resume, path: str | None) -> HashResult:
    counts = tally.counts
    tally.report(ended=True)
    run.log.info(
        f"{counts.files:,} files hashed with {sized(counts.bytes)}; {counts.skipped:,} left out,"
        f" {tally.failed:,} failed"
    )
    return HashResult(
        files=counts.files,
        bytes=counts.bytes,
        failed=tally.failed,
        skipped=counts.skipped,
        path=path,
        items=tuple(Item(**item) for item in resume.items),
        more=counts.files > len(resume.items),
    )
