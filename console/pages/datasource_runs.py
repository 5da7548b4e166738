"""The runs that the page of a datasource tells of: the last sync, those that are open, and the one that it started."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from fastapi import Query

from console.api.bin_next import PURGE_ALL_JOB
from console.api.bin_work import PURGE_JOB, RESTORE_JOB
from console.api.datasource_index import CHECK_JOB, INDEX_JOB
from console.api.datasource_work import PROBE_JOB, SYNC_JOB
from console.api.files import DELETE_JOB
from console.difference_words import found_by
from console.work_words import deletion_in_words, purge_in_words, restore_in_words
from rota.errors import NotFound
from rota.states import TERMINAL, RunState
from store.engine import Connection
from store.queries import runs
from store.records import DatasourceRecord, RunRecord

RunText = Annotated[str, Query(max_length=36, description="A run to tell the end of.")]

_OPEN = tuple(state for state in RunState if state not in TERMINAL)
_MOST_OPEN = 20
READING_JOBS = (SYNC_JOB, INDEX_JOB)
BIN_JOBS = (RESTORE_JOB, PURGE_JOB, PURGE_ALL_JOB)
_ABOUT = {
    PROBE_JOB: "test",
    SYNC_JOB: "sync",
    INDEX_JOB: "index",
    CHECK_JOB: "check",
    DELETE_JOB: "delete",
    RESTORE_JOB: "restore",
    PURGE_JOB: "purge",
    PURGE_ALL_JOB: "purge",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of a run that somebody started from the page; `found` is its result."""

    run: RunRecord
    about: str
    """test, sync, index, check, delete, restore, purge; `dry run` of a sync, `dry purge` of a purge."""
    ended: bool
    found: dict[str, Any]

    @property
    def said(self) -> str:
        """What it has done, in a sentence; of a deletion, a restore or a purge."""
        return _WORDS[self.about](self.found)

    @property
    def listed(self) -> list[str]:
        """Some of what a purge has taken, or would, by its path; of what a restore left in the bin with the reason."""
        if self.about == "restore":
            return [f"{item['path']}: {item['why']}" for item in self.found.get("kept") or ()]
        return [str(item["path"]) for item in self.found.get("items") or ()] if "purge" in self.about else []


def answer_of(conn: Connection, name: str, run_id: str) -> Answer | None:
    """Return what became of a run; None if there is no such run about this datasource."""
    run = _find(conn, run_id)
    if run is None or run.params.get("datasource") != name or run.job not in _ABOUT:
        return None
    return Answer(run=run, about=_about(run), ended=run.state in TERMINAL, found=found_by(run.result))


_WORDS: dict[str, Callable[[dict[str, Any]], str]] = {
    "delete": deletion_in_words,
    "restore": restore_in_words,
    "purge": partial(purge_in_words, dry=False),
    "dry purge": partial(purge_in_words, dry=True),
}


def last_run_of(conn: Connection, record: DatasourceRecord) -> str | None:
    """Return the run that was the last sync, as long as it is kept."""
    run = _find(conn, str((record.last_sync or {}).get("run", "")))
    return None if run is None else run.id


def open_runs(conn: Connection, name: str, jobs: Sequence[str] = READING_JOBS) -> list[tuple[str, RunRecord]]:
    """Return the open runs of these jobs that are about this datasource, or all; each with what it is about."""
    found = [run for job in jobs for run in runs.list_runs(conn, job=job, states=_OPEN, limit=_MOST_OPEN).items]
    about_it = [run for run in found if run.params.get("datasource", "*") in (name, "*")]
    return [(_about(run), run) for run in about_it]


def _about(run: RunRecord) -> str:
    if not run.params.get("dry_run"):
        return _ABOUT[run.job]
    return "dry purge" if _ABOUT[run.job] == "purge" else "dry run"


def _find(conn: Connection, run_id: str) -> RunRecord | None:
    try:
        return runs.get_run(conn, run_id) if run_id else None
    except NotFound:
        return None
