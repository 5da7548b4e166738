"""One scan or one sync of a local folder in a process of its own: `python -m bench.rota_itself.local_sync`.

It prints its seconds and processor time, the peak memory of itself and of its helpers, and what it counted. Starting
the interpreter is not in the time: a worker runs for weeks.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
from pathlib import Path
from typing import Any, NamedTuple

from actors.datasources.digest import folder_digest
from actors.datasources.local.storage import LocalStorage
from actors.datasources.scanning import scan
from actors.datasources.storage import Datasource, Listing, Same
from actors.stored import StoredDatasources
from actors.sync import SyncParams, sync
from actors.testing import RecordingRun
from rota.clock import SystemClock
from store.engine import Store
from store.queries import datasources
from store.records import DatasourceRecord

NAME = "files"


class _Before(NamedTuple):
    token: str
    digest: bytes
    prints: bytes = b""


class _QuietRun(RecordingRun):
    """A run that forgets what it was told: a million events are the bus's matter."""

    def emit(self, type: str, data: Any, subject: str | None = None) -> None:  # noqa: A002 -- CloudEvents' own word
        """Forget an event."""

    def checkpoint(self, state: Any) -> None:
        """Forget a checkpoint."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["scan", "sync"])
    parser.add_argument("root", type=Path)
    parser.add_argument("--state", type=Path, help="folder of the catalog; for sync")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    source = Datasource(name=NAME, root=str(options.root), options={"processes": options.processes})
    measure = _scan if options.what == "scan" else _sync
    took, counted = measure(source, options.state)
    peaks = [resource.getrusage(who).ru_maxrss * 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(json.dumps({**took, "peaks": peaks, "counted": counted}))


def _times() -> tuple[float, float]:
    """Give the time, and the processor time of this process and of its helpers that have ended, in seconds."""
    return time.monotonic(), sum(os.times()[:4])


def _took(begin: tuple[float, float]) -> dict[str, float]:
    now = _times()
    return {"seconds": now[0] - begin[0], "cpu_seconds": now[1] - begin[1]}


def _scan(source: Datasource, _state: Path | None) -> tuple[dict[str, float], dict[str, int]]:
    """Learn a tree, and scan it again with a dictionary for a catalog."""
    storage = LocalStorage(source)
    known: dict[bytes, _Before] = {}
    for found in scan(storage, [b""], lambda _: {}):
        if isinstance(found, Listing):
            known[found.path] = _Before(found.token, folder_digest(found.rows))
    begin = _times()
    same = entries = 0
    for found in scan(storage, [b""], lambda paths: {path: known[path] for path in paths if path in known}):
        if isinstance(found, Same):
            same += 1
            entries += found.entries
    took = _took(begin)
    storage.close()
    return took, {"same": same, "folders": len(known), "entries": entries}


def _sync(source: Datasource, state: Path | None) -> tuple[dict[str, float], dict[str, int]]:
    """Sync with the catalog of a SQLite file, which is made if it is not there."""
    assert state is not None, "--state is needed for a sync"
    state.mkdir(exist_ok=True)
    store = Store(f"sqlite:///{state / 'rota.db'}", clock=SystemClock())
    store.upgrade()
    _define(store, source)
    run = _QuietRun(datasources=[source], catalogs=StoredDatasources(store, run="bench", task="task").catalog)
    begin = _times()
    result = sync(run, SyncParams(datasource=source.name, allow_deletions=True))
    took = _took(begin)
    store.close()
    return took, result.model_dump(include={"created", "updated", "deleted", "moved", "entries"})


def _define(store: Store, source: Datasource) -> None:
    with store.writing() as conn:
        if datasources.find(conn, source.name) is None:
            record = DatasourceRecord(name=source.name, kind=source.kind, root=source.root)
            datasources.save(conn, record, at=store.clock.now_ms())


if __name__ == "__main__":
    main()
