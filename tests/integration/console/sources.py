"""Datasources for the tests of the console: the jobs that work on them, a catalog, and runs that have ended."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rota.definitions import parse_definition
from rota.loaders import load_yaml
from rota.states import RunState
from scheduler.definitions import SHIPPED_FOLDER
from scheduler.jobs.shipping import save_shipped
from store.queries import catalog, datasources, runs
from store.records import Closing, DatasourceRecord, EntryChange, FolderChange
from tests.integration.console.serving import Console
from tests.waiting import wait_until

MODIFIED_NS = 1_800_000_000 * 10**9
"""2027-01-15T08:00:00Z."""


def bring_jobs(console: Console) -> None:
    """Save the jobs that come with Rota, as a scheduler does."""
    actors, now = console.parts.actors, console.parts.clock.now_ms()
    files = sorted(SHIPPED_FOLDER.glob("*.yaml"))
    shipped = [
        parse_definition(load_yaml(file.read_text(), source=file.name), source=file.name, actors=actors)
        for file in files
    ]
    with console.parts.store.writing() as conn:
        save_shipped(conn, shipped, actors=actors, at=now)


def add_source(console: Console, name: str = "docs", **fields: Any) -> DatasourceRecord:
    """Save a datasource, with what syncs leave behind as well."""
    given = {"kind": "local", "root": f"/srv/{name}", **fields}
    left = {word: given.pop(word) for word in ("last_sync", "doubt", "unreachable", "marker") if word in given}
    with console.parts.store.writing() as conn:
        datasources.save(conn, DatasourceRecord(name=name, **given), at=console.parts.clock.now_ms())
        for word, said in left.items():
            getattr(datasources, f"set_{word}")(conn, name, said)
        return datasources.get(conn, name)


def fill(console: Console, name: str, tree: Mapping[bytes, Mapping[bytes, int]]) -> None:
    """Write a catalog: by folder, the sizes of its files; folders are entries of those above them."""
    files = [
        EntryChange(folder=folder, name=file, kind="file", size=size, modified_ns=MODIFIED_NS)
        for folder, sizes in tree.items()
        for file, size in sizes.items()
    ]
    inner = [
        EntryChange(folder=parent, name=last, kind="folder", size=0, modified_ns=MODIFIED_NS)
        for parent, _, last in (folder.rpartition(b"/") for folder in tree if folder)
    ]
    counted = {folder: sum(entry.folder == folder for entry in (*files, *inner)) for folder in tree}
    with console.parts.store.writing() as conn:
        catalog.apply_changes(
            conn,
            name,
            run="r",
            at=1,
            changed_folders=[
                FolderChange(path=folder, digest=b"0" * 8, entry_count=counted[folder], bytes=sum(sizes.values()))
                for folder, sizes in tree.items()
            ],
            changed_entries=[*files, *inner],
        )


def end_run(console: Console, run_id: str, result: Any) -> None:
    """Let a run have succeeded with a result."""
    with console.parts.store.writing() as conn:
        runs.close(conn, [Closing(run=run_id, state=RunState.SUCCEEDED, at=2_000, started_at=1_000, result=result)])


@contextmanager
def worker(console: Console, result: Any) -> Iterator[None]:
    """Let the next run end with this result, as soon as it is there."""

    def open_runs() -> list[str]:
        with console.parts.store.reading() as conn:
            found = runs.list_runs(conn, states=(RunState.QUEUED, RunState.WAITING, RunState.RUNNING))
        return [run.id for run in found.items]

    def work() -> None:
        wait_until(open_runs)
        for run in open_runs():
            end_run(console, run, result)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        thread.join()
