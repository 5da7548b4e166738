"""The actor `verify`: reads files and says whether they are what they should be.

What they should be is told by one of three:

- `manifest`, a file as `sha256sum`, `b3sum`, `md5sum` and the BSDs write it. Its names are relative to its folder, or
  to the root of the datasource if it is in another one. Lines that lead elsewhere, or say nothing, are told and
  counted; nothing outside the datasource is ever read.
- `target_datasource`, which has the same tree: both sides are read.
- `catalog`, which has the hashes that a sync made that reads contents. Files that were changed since are left alone.

The plan:

1. The storages are verified; trees are walked in the order of their paths, a manifest line by line.
2. Several files are read at once. A file that is changed while it is read is read once more.
3. What is different, missing, there in addition (`extra`) or unreadable is told in the log and counted.
4. If there is any of it the run fails, so that whoever watches failed runs hears of it; the error has the counts and
   the first names. It is not repeated, unless all that is wrong is that something could not be read for the moment.

Nothing is changed. An attempt that is interrupted goes on where its checkpoint says, a moment before it ended.
"""

# ruff: noqa: G004 -- the log of a run takes finished text and is no logging.Logger
from __future__ import annotations

from pydantic import Field, model_validator

from actors.datasources.paths import path_of, split, text_of
from actors.datasources.storage import Datasource
from actors.finding import find_datasource
from actors.hashing.against_catalog import AgainstCatalog
from actors.hashing.against_manifest import AgainstManifest, Manifest
from actors.hashing.against_tree import AgainstTree
from actors.hashing.algorithms import Checksum
from actors.hashing.checking import Verification
from actors.hashing.findings import Findings
from actors.hashing.setting import Setting, refuse_private, scope_of, working
from actors.hashing.tally import Tally
from actors.params import Params, Result
from actors.registry import actor
from actors.run import Run
from actors.syncing.meter import sized
from actors.transferring.places import place_of
from rota.errors import PermanentError


class VerifyParams(Params):
    """What to verify, and against what; exactly one of `manifest`, `target_datasource` and `catalog` is given."""

    datasource: str = Field(min_length=1, description="Name of the datasource.")
    paths: tuple[str, ...] = Field(
        default=(),
        max_length=10_000,
        description="Only these files and folders, with all in them; if empty everything, or all below the manifest.",
    )
    manifest: str = Field(default="", description="Path of a checksum file that tells what the files should be.")
    manifest_datasource: str = Field(
        default="", description="Datasource that the manifest is in; the one that is verified if empty."
    )
    algorithm: Checksum | None = Field(
        default=None, description="Which checksum the manifest has, where its lines do not say it; found out if unset."
    )
    target_datasource: str = Field(default="", description="Datasource that has the same files.")
    target: str = Field(default="", description="Folder in it that stands for the root; its own root if empty.")
    catalog: bool = Field(default=False, description="Compare with the hashes that the catalog has.")
    allow_extra: bool = Field(
        default=False, description="Files that are there and should not be are right: only what is named is verified."
    )

    @model_validator(mode="after")
    def _agree(self) -> VerifyParams:
        if [bool(self.manifest), bool(self.target_datasource), self.catalog].count(True) != 1:
            raise ValueError("exactly one of manifest, target_datasource and catalog must be given")
        if not self.manifest and (self.manifest_datasource or self.algorithm):
            raise ValueError("manifest_datasource and algorithm are for a manifest")
        if self.target and not self.target_datasource:
            raise ValueError("target needs a target_datasource: the folder is in it")
        return self


class VerifyResult(Result):
    """What was verified, all attempts together; everything of it is as it should be."""

    verified: int
    """Files."""
    bytes: int
    skipped: int
    """Entries that were left alone on purpose: links, pipes, other file systems; the log names them."""


@actor("verify", queue="sync")
def verify(run: Run, params: VerifyParams) -> VerifyResult:
    """Read files and compare them with a manifest, with another datasource, or with what the catalog has."""
    source = find_datasource(run, params.datasource)
    other = params.target_datasource or params.manifest_datasource
    beside = find_datasource(run, other) if other else None
    tally = Tally(run)
    tally.deed = "verified"
    findings = Findings(run, tally)
    with working(run, [source] if beside is None else [source, beside], tally) as setting:
        for storage in setting.storages:
            storage.verify()
        verification, against = _choose(setting, findings, params, source=source, beside=beside)
        verification.execute(findings.resume(run.state))
        # A storage that went away meanwhile is no storage with files missing.
        for storage in setting.storages:
            storage.verify()
    counts = tally.counts
    tally.report(ended=True)
    run.log.info(
        f"{counts.verified:,} files with {sized(counts.bytes)} are as {against}; {counts.skipped:,} left out,"
        f" {sum(findings.counts.values()):,} faults"
    )
    findings.raise_faults(against)
    return VerifyResult(verified=counts.verified, bytes=counts.bytes, skipped=counts.skipped)


def _choose(
    setting: Setting, findings: Findings, params: VerifyParams, *, source: Datasource, beside: Datasource | None
) -> tuple[Verification, str]:
    """Give the verification that is asked for, and what it is against, for people."""
    paths = scope_of(params.paths)
    if params.catalog:
        catalog = setting.run.catalog(source.name)
        return AgainstCatalog(setting, findings, catalog=catalog, paths=paths), "the catalog says"
    if params.target_datasource:
        assert beside is not None
        goal = path_of(params.target)
        if not goal and place_of(source) == place_of(beside):
            raise PermanentError(f"{source.name!r} and {beside.name!r} are the same storage: give another one")
        tree = AgainstTree(
            setting, findings, source=source, target=beside, goal=goal, paths=paths, allow_extra=params.allow_extra
        )
        return tree, f"in {beside.name!r}"
    path = path_of(params.manifest)
    refuse_private(path)
    is_inside = beside is None or beside.name == source.name
    base = split(path)[0] if is_inside else b""
    manifest = Manifest(
        storage=setting.storages[-1], path=path, base=base, is_inside=is_inside, algorithm=params.algorithm
    )
    if not params.paths:
        paths = [base]
    against = AgainstManifest(setting, findings, manifest, source=source, scope=paths, allow_extra=params.allow_extra)
    return against, f"{text_of(path)!r} says"
