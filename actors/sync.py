"""The actor `sync`: makes the catalog equal to what a datasource shows, and tells what changed.

The plan, per datasource:

1. The storage is verified: it is there, it is the configured folder, its marker file (if it has one) is right.
2. Its folders are listed, parents first, branch by branch (a branch is a folder at the top). Listings are compared with
   the catalog in chunks by one digest per folder; rows are read from the catalog only where the digest differs.
3. Updated entries are written at once, in transactions of at most 5,000 rows. What is new and what is gone waits,
   because a gone and a new entry of the same inode, size and time are one that moved. Into an empty catalog new
   entries are written at once.
4. When everything was seen, the storage is verified again, moves are paired, and every deletion is looked at once more.
   Then moves, new and gone entries are written, and last the digests of the folders they are in.
5. Each transaction announces its changes (`entry.created`, `entry.updated`, `entry.moved`, `entry.deleted`) just before
   it is committed; the end is announced by `datasource.synced` with the counts.

Never taken for a deletion: a root that is missing or unreadable, a folder that cannot be listed, another file system
mounted over a folder. What could not be listed keeps its rows, the rest is written, and the run fails with the
folder's name. Refused unless `allow_deletions`: an empty storage with a catalog that is not, and more than half of the
entries gone.

A crash leaves a catalog in which some folders have an old digest: they are compared again. The checkpoint names the
branches that need no second visit. An event may be told twice (one batch at most), never forgotten.

Not guaranteed: two syncs of one datasource at the same time may announce a change twice, and if one removes a folder
while the other writes into it, rows of that folder may stay. Let the job's overlap or concurrency key prevent it.
"""

# ruff: noqa: G004, TRY400 -- the log of a run takes finished text and is no logging.Logger
from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from typing import Any

from pydantic import Field, model_validator

from actors.datasources.opening import open_storage
from actors.datasources.paths import path_of, text_of
from actors.params import Params, Result
from actors.registry import actor
from actors.run import Run
from actors.syncing.meter import Meter, sized
from actors.syncing.reconcile import Pass, Scope
from actors.syncing.resume import Counts, Resume
from actors.syncing.writer import Writer
from rota.errors import NotFound, PermanentError

ALL = "*"


class SyncParams(Params):
    """What to sync, and how closely to look."""

    datasource: str = Field(default=ALL, min_length=1, description="Name of the datasource, or * for all of them.")
    path: str = Field(default="", description="Only this folder or file and what is below it; empty for everything.")
    dry_run: bool = Field(default=False, description="Count what would change, and write and announce nothing.")
    hash: bool = Field(
        default=False,
        description="Read every file, to notice contents that changed behind an unchanged size and time.",
    )
    allow_deletions: bool = Field(
        default=False, description="Confirm that an emptied storage, or more than half of it gone, is right."
    )

    @model_validator(mode="after")
    def _path_needs_a_datasource(self) -> SyncParams:
        if self.path.strip("/") and self.datasource == ALL:
            raise ValueError("path: only with the name of one datasource")
        return self


class SyncResult(Result):
    """What changed, and how much was seen."""

    created: int
    updated: int
    deleted: int
    moved: int
    entries: int
    bytes: int


@actor("sync", queue="sync")
def sync(run: Run, params: SyncParams) -> SyncResult:
    """Bring the catalog to what the datasource shows, and announce the difference."""
    return _Sync(run, params).execute()


class _Sync:
    """One run over one or all datasources: what is finished, and what went wrong."""

    def __init__(self, run: Run, params: SyncParams) -> None:
        self._run = run
        self._params = params
        # A dry run writes nothing, so it has nothing to continue from.
        state: dict[str, Any] = {} if params.dry_run else run.state or {}
        self._finished: list[str] = state.get("finished", [])
        self._failures: list[str] = state.get("failures", [])
        self._total = Counts(**state.get("total", {}))
        self._current: tuple[str, Resume] | None = None
        if state.get("resume"):
            self._current = (state["datasource"], Resume.from_json(state["resume"]))

    def execute(self) -> SyncResult:
        run, params = self._run, self._params
        path = path_of(params.path)
        names = run.datasources() if params.datasource == ALL else (params.datasource,)
        for name in names:
            if name in self._finished:
                continue
            try:
                self._sync_one(name, path)
            except PermanentError as error:
                if params.datasource != ALL:
                    raise
                run.log.error(str(error))
                self._failures.append(str(error))
            self._current = None
            self._finished.append(name)
            self._save()
        if self._failures:
            more = f" (and {len(self._failures) - 1} more datasources, see the log)" if len(self._failures) > 1 else ""
            raise PermanentError(f"{self._failures[0]}{more}")
        return SyncResult(**asdict(self._total))

    def _sync_one(self, name: str, path: bytes) -> None:
        run, params = self._run, self._params
        if self._current is None or self._current[0] != name:
            self._current = (name, Resume())
        resume = self._current[1]
        counts = resume.counts
        meter = Meter(run, label=name, entries=counts.entries, size=counts.bytes)
        try:
            datasource, catalog = run.datasource(name), run.catalog(name)
        except NotFound as error:
            raise PermanentError(str(error)) from error
        with closing(open_storage(datasource)) as storage:
            scope = Scope(datasource=name, path=path, hash=params.hash, allow_deletions=params.allow_deletions)
            writer = Writer(run, name, catalog, counts=counts, dry_run=params.dry_run)
            one = Pass(
                run,
                scope,
                storage=storage,
                catalog=catalog,
                writer=writer,
                resume=resume,
                meter=meter,
                on_branch=self._save,
            )
            try:
                one.execute()
            finally:
                meter.report(ended=True)
                self._tell(name, counts, meter)
        counts.entries, counts.bytes = meter.entries, meter.bytes
        if not params.dry_run:
            summary = {"path": text_of(path), **asdict(counts)}
            catalog.record_sync(summary)
            run.emit("datasource.synced", {"datasource": name, **summary}, name)
        self._total.add(counts)

    def _tell(self, name: str, counts: Counts, meter: Meter) -> None:
        would = "would have " if self._params.dry_run else ""
        self._run.log.info(
            f"{name}: {would}created {counts.created:,}, updated {counts.updated:,}, moved {counts.moved:,},"
            f" deleted {counts.deleted:,}; {meter.entries:,} entries with {sized(meter.bytes)} seen"
        )

    def _save(self) -> None:
        if self._params.dry_run:
            return
        name, resume = self._current or ("", None)
        self._run.checkpoint(
            {
                "finished": self._finished,
                "failures": self._failures,
                "total": asdict(self._total),
                "datasource": name,
                "resume": resume.to_json() if resume else None,
            }
        )
