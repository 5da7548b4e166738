"""The actor `sync`: makes the catalog equal to what a datasource shows, and tells what changed.

The plan, per datasource:

1. The catalog is held: one sync at a time writes to it, and every transaction asks whether this one still does. The
   storage is verified: it is there, it is the right one, its marker file (if it has one) is right.
2. What the sync is about (everything, or some paths) is collapsed to folders that are not in each other. The way to
   each of them is brought up to date, then they are listed, branch by branch (a branch is a folder at the top of one).
   A folder whose token and digest are the known ones is passed over; of the others the rows are read from the catalog
   and compared, some hundreds of folders at a time.
3. Updated entries are written at once, in transactions of at most 5,000 rows. What is new and what is gone is put
   aside, in a temporary file if it is much, because a gone and a new entry may be one that moved: the same inode, size
   and time, or, where there are no inodes, the same etag or hash and size. Into an empty catalog new entries are
   written at once.
4. When everything was seen, the storage is verified again. Folders that the catalog has and nobody told are swept:
   what was in a folder that is gone, and what a crash left behind. Moves are paired, every deletion is looked at
   once more, then moves, new and gone entries are written, and last the digests of the folders they are in.
5. Each transaction announces its changes (`entry.created`, `entry.updated`, `entry.moved`, `entry.deleted`) just before
   it is committed; the end is announced by `datasource.synced` with the counts.

Never taken for a deletion: a root that is missing or unreadable, a folder that cannot be listed, another file system
mounted over a folder. What could not be listed keeps its rows, the rest is written, and the run fails with the
folder's name. Held back until somebody confirms them: all deletions, if the storage is empty and the catalog is not, or
if more of it is gone than the datasource's rules allow. They are remembered as the datasource's doubt. A storage that
cannot be reached is remembered too, and announced once, as `datasource.unreachable`.

A crash leaves a catalog in which some folders have no digest: they are compared again. The checkpoint names the
branches that need no second visit. An event may be told twice (one batch at most), never forgotten.

Memory is bounded whatever there is, except for one folder's own rows. Not guaranteed: what changes while it is listed
is in the catalog as it was before or after, and the next sync sees it.
"""

# ruff: noqa: TRY400 -- the log of a run is no logging.Logger
from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from actors.datasources.paths import path_of
from actors.params import Params, Result
from actors.registry import actor
from actors.run import Run
from actors.syncing.one import OneSync, Report
from actors.syncing.resume import Resume
from actors.syncing.scope import Scope, collapse
from rota.errors import NotFound, PermanentError

ALL = "*"

_MOST_TEXTS = 10_000


def _flattened(given: object) -> object:
    """Take nested lists apart: what starts a sync may have gathered lists from several events."""
    if not isinstance(given, list | tuple):
        return given
    flat: list[object] = []
    for each in given:
        inner = _flattened(each)
        flat += inner if isinstance(inner, list) else [inner]
    return flat


class SyncParams(Params):
    """What to sync, and how closely to look."""

    datasource: str = Field(default=ALL, min_length=1, description="Name of the datasource, or * for all of them.")
    path: str = Field(default="", description="Only this folder or file and what is below it; empty for everything.")
    paths: Annotated[tuple[str, ...], BeforeValidator(_flattened)] = Field(
        default=(),
        max_length=_MOST_TEXTS,
        description="Only these folders and files; lists in the list are taken apart.",
    )
    dry_run: bool = Field(default=False, description="Count what would change, and write and announce nothing.")
    hash: bool = Field(
        default=False,
        description="Read every file, to notice contents that changed behind an unchanged size and time.",
    )
    allow_deletions: bool = Field(default=False, description="Delete however much is gone from the storage.")
    confirmed_deletions: int = Field(
        default=0, ge=0, description="So many deletions were confirmed; if more are gone, they are held back again."
    )

    @model_validator(mode="after")
    def _path_needs_a_datasource(self) -> SyncParams:
        if self.datasource == ALL and any(path.strip("/") for path in (self.path, *self.paths)):
            raise ValueError("path: only with the name of one datasource")
        return self

    def scope_paths(self) -> tuple[bytes, ...]:
        """Give what the paths come down to; raises PermanentError for what could lead elsewhere."""
        given = [self.path, *self.paths] if self.path.strip("/") or not self.paths else self.paths
        return collapse(path_of(path) for path in given)


class Example(Result):
    """One entry that differed."""

    path: str
    kind: str
    came_from: str | None = Field(default=None, description="The path it had, if it moved.")


class SyncResult(Result):
    """What changed, and how much was seen."""

    created: int
    updated: int
    deleted: int
    moved: int
    entries: int
    bytes: int
    duration_ms: int = 0
    entries_per_second: int = 0
    unlisted: int = Field(default=0, description="Folders that could not be listed.")
    special: int = Field(default=0, description="Entries that are neither file, folder nor link.")
    unread: int = Field(default=0, description="Files whose content could not be read, or changed meanwhile.")
    examples: dict[str, list[Example]] = Field(
        default={}, description="The first entries that differed, by what became of them; for a dry run."
    )


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
        self._total = Report.of(state.get("total", {}))
        self._current: tuple[str, Resume] | None = None
        if state.get("resume"):
            self._current = (state["datasource"], Resume.from_json(state["resume"]))

    def execute(self) -> SyncResult:
        run, params = self._run, self._params
        paths = params.scope_paths()
        names = run.datasources() if params.datasource == ALL else (params.datasource,)
        for name in names:
            if name in self._finished:
                continue
            try:
                self._sync_one(name, paths)
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
        return self._result()

    def _sync_one(self, name: str, paths: tuple[bytes, ...]) -> None:
        run, params = self._run, self._params
        if self._current is None or self._current[0] != name:
            self._current = (name, Resume())
        try:
            datasource, catalog = run.datasource(name), run.catalog(name)
        except NotFound as error:
            raise PermanentError(str(error)) from error
        scope = Scope(
            datasource=name,
            paths=paths,
            rules=datasource.rules,
            hash=params.hash,
            allow_deletions=params.allow_deletions,
            confirmed_deletions=params.confirmed_deletions,
        )
        one = OneSync(
            run,
            datasource,
            catalog,
            scope,
            resume=self._current[1],
            dry_run=params.dry_run,
            on_checkpoint=self._save,
        )
        self._total.add(one.execute())

    def _result(self) -> SyncResult:
        total = self._total
        examples = {kind: [Example(**each) for each in found] for kind, found in total.examples.items()}
        return SyncResult(
            **asdict(total.counts),
            **total.found,
            duration_ms=total.duration_ms,
            entries_per_second=round(total.counts.entries * 1000 / max(total.duration_ms, 1)),
            examples=examples if self._params.dry_run else {},
        )

    def _save(self) -> None:
        if self._params.dry_run:
            return
        name, resume = self._current or ("", None)
        self._run.checkpoint(
            {
                "finished": self._finished,
                "failures": self._failures,
                "total": self._total.to_json(),
                "datasource": name,
                "resume": resume.to_json() if resume else None,
            }
        )
