"""The runs that the page of a datasource tells of: the last sync, those that are open, and the one that it started."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Query

from console.api.datasource_index import CHECK_JOB, INDEX_JOB
from console.api.datasource_work import PROBE_JOB, SYNC_JOB
from console.difference_words import found_by
from rota.errors import NotFound
from rota.states import TERMINAL, RunState
from store.engine import Connection
from store.queries import runs
from store.records import DatasourceRecord, RunRecord

RunText = Annotated[str, Query(max_length=36, description="A run to tell the end of.")]

_OPEN = tuple(state for state in RunState if state not in TERMINAL)
_MOST_OPEN = 20
_TOLD = (SYNC_JOB, INDEX_JOB)
_ABOUT = {PROBE_JOB: "test", SYNC_JOB: "sync", INDEX_JOB: "index", CHECK_JOB: "check"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of a run that somebody started from the page; `found` is its result."""

    run: RunRecord
    about: str
    """test, dry run, sync, index or check."""
    ended: bool
    found: dict[str, Any]


def answer_of(conn: Connection, name: str, run_id: str) -> Answer | None:
    """Return what became of a run; None if there is no such run about this datasource."""
    run = _find(conn, run_id)
    if run is None or run.params.get("datasource") != name or run.job not in _ABOUT:
        return None
    about = "dry run" if run.params.get("dry_run") else _ABOUT[run.job]
    return Answer(run=run, about=about, ended=run.state in TERMINAL, found=found_by(run.result))


def last_run_of(conn: Connection, record: DatasourceRecord) -> str | None:
    """Return the run that was the last sync, as long as it is kept."""
    run = _find(conn, str((record.last_sync or {}).get("run", "")))
    return None if run is None else run.id


def open_runs(conn: Connection, name: str) -> list[tuple[str, RunRecord]]:
    """Return the open runs that sync or index this datasource, or all; each with what it is about."""
    found = [run for job in _TOLD for run in runs.list_runs(conn, job=job, states=_OPEN, limit=_MOST_OPEN).items]
    about_it = [run for run in found if run.params.get("datasource", "*") in (name, "*")]
    return [("dry run" if run.params.get("dry_run") else _ABOUT[run.job], run) for run in about_it]


def _find(conn: Connection, run_id: str) -> RunRecord | None:
    try:
        return runs.get_run(conn, run_id) if run_id else None
    except NotFound:
        return None
