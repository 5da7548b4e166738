"""A sync that is paused, cancelled, handed over, or asked for twice, with whole processes: it goes on where it was."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from actors.catalog import BATCH
from scheduler.definitions import SHIPPED_FOLDER, read_folder
from store.queries import jobs
from tests.acceptance.installed import ENDED, Installed, in_memory_folder, result_of
from tests.trees import walked
from tests.waiting import wait_until

_TOPS, _FILES = 60, 1500
_ENTRIES = _TOPS * (1 + _FILES)


@pytest.fixture
def root() -> Iterator[Path]:
    """A tree of 90,060 entries, in memory where there is such a file system."""
    folder = in_memory_folder()
    for top in range(_TOPS):
        _fill(Path(folder, f"t{top}"), _FILES)
    yield Path(folder)
    shutil.rmtree(folder)


def test_paused_and_handed_over_syncs_go_on_where_they_were(rota: Installed, root: Path) -> None:
    rota.start()
    rota.add("files", root)
    run = rota.sync("files", hash=True)

    _wait_for_entries(rota, 2 * BATCH)
    rota.post(f"/runs/{run}/pause")
    wait_until(lambda: rota.run(run)["state"] == "paused", timeout=60)
    paused = _written(rota)
    assert paused < _ENTRIES
    assert "Resume" in rota.page(f"/runs/{run}")
    rota.post(f"/runs/{run}/resume")

    _wait_for_entries(rota, paused + BATCH)
    rota.cluster.send_signal("worker", signal.SIGTERM)
    assert rota.cluster.processes["worker"].wait(60) == 0
    handed = _written(rota)
    assert handed < _ENTRIES, (paused, handed)
    assert rota.run(run)["state"] not in ENDED
    rota.cluster.start("worker", "worker")

    found = result_of(rota.ended(run, timeout=120))
    # Nothing was lost and nothing counted or told twice: both times there was time to say how far it was.
    assert (found["created"], found["entries"]) == (_ENTRIES, _ENTRIES)
    wait_until(lambda: rota.events("datasource.synced"), timeout=60)
    told = [entry["path"] for event in rota.events("entry.created") for entry in event.data["entries"]]
    assert len(told) == len(set(told)) == _ENTRIES
    assert rota.known("files") == walked(root)


def test_cancelled_sync_keeps_what_it_wrote_and_the_next_one_does_the_rest(rota: Installed, root: Path) -> None:
    rota.start()
    rota.add("files", root)
    run = rota.sync("files", hash=True)

    _wait_for_entries(rota, BATCH)
    rota.post(f"/runs/{run}/cancel")
    rota.ended(run, state="cancelled")
    written = _written(rota)
    assert 0 < written < _ENTRIES

    assert result_of(rota.synced("files"))["created"] == _ENTRIES - written
    assert rota.known("files") == walked(root)


def test_two_syncs_at_once_and_a_watcher_come_to_one_catalog(rota: Installed, root: Path) -> None:
    _define_another_sync(rota)
    rota.start()
    rota.add("files", root, watch=True)

    runs = [rota.sync("files"), *rota.cluster.admit("another-sync", 1, params={"datasource": "files"})]
    _wait_for_entries(rota, BATCH)
    _fill(root / "t3" / "meanwhile", 500)
    (root / "t7").rename(root / "t8" / "moved")
    for run in runs:
        rota.ended(run, timeout=120)

    # What came while both of them worked is told by the watcher, or was seen by one of them.
    wait_until(lambda: rota.known("files") == walked(root), timeout=60)
    assert {run["state"] for run in rota.get("/runs", job="sync-changed")["items"]} <= {
        "succeeded",
        "running",
        "queued",
    }
    (root / "t9" / "0").write_text("told")
    wait_until(lambda: rota.known("files")[b"t9/0"].size == 4, timeout=30)
    assert sum(result_of(rota.run(run))["created"] for run in runs) < 2 * _ENTRIES, "one of them did all again"


def _define_another_sync(rota: Installed) -> None:
    """Save a job that syncs by itself, which no key keeps apart from the one that comes with Rota."""
    cluster = rota.cluster
    shipped = {job.name: job for _, job in read_folder(SHIPPED_FOLDER, cluster.registry).jobs}
    another = shipped["sync-datasource"].model_copy(
        update={"name": "another-sync", "triggers": (), "concurrency": None, "overlap": "allow_all"}
    )
    with cluster.store.writing() as conn:
        jobs.save(conn, another, author="tester", source="test", at=cluster.clock.now_ms())


def _fill(folder: Path, files: int) -> None:
    folder.mkdir()
    for n in range(files):
        os.close(os.open(folder / str(n), os.O_CREAT | os.O_WRONLY))


def _wait_for_entries(rota: Installed, least: int) -> None:
    wait_until(lambda: _written(rota) >= least, timeout=120, what=f"{least} entries, not {_written(rota)}")


def _written(rota: Installed) -> int:
    """How many entries have been committed; not by the API, because the whole sync is over in seconds."""
    with closing(sqlite3.connect(rota.cluster.folder / "rota.db", timeout=10)) as conn:
        count: int = conn.execute("SELECT count(*) FROM entries").fetchone()[0]
    return count
