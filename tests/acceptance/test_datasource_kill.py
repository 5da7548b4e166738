"""kill -9 in a whole cluster, in the middle of a sync of 100,000 entries: the run goes on and no event is lost."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from actors.catalog import BATCH
from tests.acceptance.installed import Installed, in_memory_folder, result_of
from tests.replay import replay
from tests.trees import walked
from tests.waiting import wait_until

_TOPS, _BELOW, _FILES = 50, 20, 99
_ENTRIES = _TOPS * (1 + _BELOW * (1 + _FILES))
_ENTRY_EVENTS = ("entry.created", "entry.updated", "entry.moved", "entry.deleted")


@pytest.fixture
def root() -> Iterator[Path]:
    """A tree of 101,050 entries, in memory where there is such a file system."""
    folder = in_memory_folder()
    for top in range(_TOPS):
        for below in range(_BELOW):
            name = f"{folder}/t{top}/b{below}"
            os.makedirs(name)
            for n in range(_FILES):
                os.close(os.open(f"{name}/{n}", os.O_CREAT | os.O_WRONLY))
    yield Path(folder)
    shutil.rmtree(folder)


def test_killed_workers_and_schedulers_lose_no_event_of_a_large_sync(rota: Installed, root: Path) -> None:
    cluster = rota.cluster
    rota.start()
    rota.add("files", root)
    run = rota.sync("files")

    _wait_for_entries(rota, 6 * BATCH)
    assert cluster.kill_child("worker")
    _wait_for_entries(rota, _written(rota) + BATCH)
    cluster.kill("worker")
    cluster.kill("scheduler")
    written = _written(rota)
    assert written < _ENTRIES, "the sync was over before it was killed three times"
    cluster.start("worker", "worker")
    cluster.start("scheduler", "scheduler")

    found = result_of(rota.ended(run, timeout=120))
    known = {path: seen[:2] for path, seen in rota.known("files").items()}
    assert known == {path: seen[:2] for path, seen in walked(root).items()}
    assert found["entries"] == _ENTRIES
    # The checkpoint carries what earlier attempts wrote: without it only the rest would have been counted.
    assert found["created"] > _ENTRIES - written
    wait_until(lambda: rota.events("datasource.synced"), timeout=30)
    told = rota.events(*_ENTRY_EVENTS)
    assert replay({}, told) == known
    times = Counter(entry["path"] for event in told for entry in event.data["entries"])
    assert times.total() - len(times) <= 2 * BATCH, "more than one batch twice for each of the two attempts that died"


def _wait_for_entries(rota: Installed, least: int) -> None:
    wait_until(lambda: _written(rota) >= least, timeout=120, what=f"{least} entries, not {_written(rota)}")


def _written(rota: Installed) -> int:
    """How many entries have been committed; not by the API, because the whole sync is over in seconds."""
    with closing(sqlite3.connect(rota.cluster.folder / "rota.db", timeout=10)) as conn:
        count: int = conn.execute("SELECT count(*) FROM entries").fetchone()[0]
    return count
