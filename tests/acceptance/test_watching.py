"""A watched folder of a real worker: what changes in it is in the catalog within seconds, by scoped syncs."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from scheduler.definitions import SHIPPED_FOLDER, read_folder
from store.queries import catalog, datasources, jobs, runs
from store.records import DatasourceRecord, RunRecord
from tests.acceptance.cluster import Cluster
from tests.processes import is_running
from tests.waiting import wait_until

JOB = "sync-changed"


class Watched:
    """A cluster with one worker that watches one folder, and short words for what tests look at."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster = cluster
        self.folder = folder

    def save(self, **fields: Any) -> None:
        """Save the datasource as it is to be."""
        given = {"name": "docs", "kind": "local", "root": str(self.folder), "rules": {"watch": True}, **fields}
        with self.cluster.store.writing() as conn:
            datasources.save(conn, DatasourceRecord(**given), at=self.cluster.clock.now_ms())

    def start(self, **environment: str) -> None:
        """Start a scheduler and a worker, and wait until the folder is watched and was read once."""
        self.cluster.start("scheduler", "scheduler")
        self.cluster.start("worker", "worker", **environment)
        self.wait_for_watch(1)
        self.wait_for_run(lambda run: run.params["paths"] == [[""]])

    def wait_for_watch(self, times: int) -> None:
        wait_until(lambda: self.logged("watch.began") >= times, timeout=60)

    def logged(self, event: str) -> int:
        return (self.cluster.folder / "worker.log").read_text().count(f'"{event}"')

    def entries(self, folder: bytes = b"") -> set[bytes]:
        with self.cluster.store.reading() as conn:
            return {entry.name for entry in catalog.list_entries(conn, "docs", folder, limit=500).items}

    def runs(self) -> list[RunRecord]:
        """The runs of the job that syncs what has changed, oldest first."""
        with self.cluster.store.reading() as conn:
            return runs.list_runs(conn, job=JOB, limit=500).items[::-1]

    def wait_for_run(self, wanted: Callable[[RunRecord], bool], *, state: str = "succeeded") -> RunRecord:
        found: list[RunRecord] = []

        def ended() -> bool:
            found[:] = [run for run in self.runs() if wanted(run) and str(run.state) == state]
            assert found, [(str(run.state), run.params, run.reason) for run in self.runs()]
            return True

        wait_until(ended, timeout=60)
        return found[0]

    def watcher(self) -> psutil.Process | None:
        """The process that watches."""
        with suppress(psutil.Error):
            for child in psutil.Process(self.cluster.processes["worker"].pid).children(recursive=True):
                with suppress(psutil.Error):
                    if "workers.watching" in child.cmdline():
                        return child
        return None

    def result(self, run: RunRecord) -> Any:
        with self.cluster.store.reading() as conn:
            return runs.run_detail(conn, run.id).run.result


@pytest.fixture
def watched(make_cluster: Callable[..., Cluster], tmp_path: Path) -> Iterator[Watched]:
    """A watched folder with two files, known to the catalog."""
    folder = tmp_path / "docs"
    (folder / "sub").mkdir(parents=True)
    (folder / "one.txt").write_text("1")
    (folder / "sub" / "two.txt").write_text("2")
    cluster = make_cluster()
    # Only this job: the schedule of the others must not do the watcher's work.
    with cluster.store.writing() as conn:
        for _, job in read_folder(SHIPPED_FOLDER, cluster.registry).jobs:
            jobs.save(conn, job, author="rota", source="shipped", at=cluster.clock.now_ms())
            jobs.set_enabled(conn, [job.name], job.name == JOB, at=cluster.clock.now_ms())
    watched = Watched(cluster, folder)
    watched.save()
    return watched


def paths_of(run: RunRecord) -> set[str]:
    return {path for some in run.params["paths"] for path in some}


def test_what_changes_in_a_watched_folder_is_in_the_catalog_by_scoped_syncs(watched):
    watched.start()
    assert watched.entries(b"sub") == {b"two.txt"}

    (watched.folder / "sub" / "new.txt").write_text("x")
    run = watched.wait_for_run(lambda run: "sub/new.txt" in paths_of(run))
    assert paths_of(run) == {"sub/new.txt"}
    assert watched.result(run)["created"] == 1
    assert watched.entries(b"sub") == {b"two.txt", b"new.txt"}

    (watched.folder / "sub" / "new.txt").rename(watched.folder / "moved.txt")
    run = watched.wait_for_run(lambda run: "moved.txt" in paths_of(run))
    assert paths_of(run) == {"sub/new.txt", "moved.txt"}
    assert {word: watched.result(run)[word] for word in ("created", "moved", "deleted")} == {
        "created": 0,
        "moved": 1,
        "deleted": 0,
    }

    (watched.folder / "moved.txt").unlink()
    run = watched.wait_for_run(lambda run: paths_of(run) == {"moved.txt"})
    assert watched.result(run)["deleted"] == 1
    assert watched.entries() == {b"one.txt", b"sub"}

    # No event can name this one: its folder is synced.
    (watched.folder / "sub" / os.fsdecode(b"\xff.txt")).write_text("x")
    run = watched.wait_for_run(lambda run: paths_of(run) == {"sub"})
    assert watched.result(run)["created"] == 1
    assert watched.entries(b"sub") == {b"two.txt", b"\xff.txt"}
    assert {run.cause.event["source"] for run in watched.runs()} == {f"rota/watch/{os.uname().nodename}"}


def test_thousands_of_files_at_once_are_few_runs_and_all_in_the_catalog(watched):
    watched.start()
    before = len(watched.runs())

    many = watched.folder / "many"
    many.mkdir()
    begin = time.monotonic()
    for n in range(2000):
        (many / f"{n}.txt").write_text("x")
    took = time.monotonic() - begin

    def all_known() -> bool:
        with watched.cluster.store.reading() as conn:
            # The two that were there have one byte each too.
            assert catalog.counts(conn, "docs").bytes == 2002
        return True

    wait_until(all_known, timeout=60)
    wait_until(lambda: all(str(run.state) == "succeeded" for run in watched.runs()), timeout=60)
    # They are there in a moment, unless the machine does much else.
    assert 1 <= len(watched.runs()) - before <= 5 + took / 2


def test_a_killed_watcher_is_replaced_and_what_it_missed_is_found(watched):
    watched.start()
    watcher = watched.watcher()
    assert watcher is not None

    watcher.send_signal(signal.SIGSTOP)  # so that it surely does not see it
    (watched.folder / "missed.txt").write_text("x")
    watcher.kill()

    watched.wait_for_watch(2)
    wait_until(lambda: b"missed.txt" in watched.entries(), timeout=60)


def test_a_change_while_redis_is_away_is_told_when_it_is_back(watched):
    watched.start()
    watched.cluster.server.stop()

    (watched.folder / "meanwhile.txt").write_text("x")
    wait_until(lambda: watched.logged("watch.bus_away") > 0, timeout=60)
    watched.cluster.server.start()

    wait_until(lambda: b"meanwhile.txt" in watched.entries(), timeout=60)


def test_a_root_that_vanishes_and_comes_back_is_watched_again(watched, tmp_path):
    watched.start()

    watched.folder.rename(tmp_path / "away")
    wait_until(lambda: watched.logged("watch.absent") > 0, timeout=60)
    (tmp_path / "away" / "while-away.txt").write_text("x")
    (tmp_path / "away").rename(watched.folder)

    watched.wait_for_watch(2)
    wait_until(lambda: b"while-away.txt" in watched.entries(), timeout=60)
    (watched.folder / "after.txt").write_text("x")
    watched.wait_for_run(lambda run: paths_of(run) == {"after.txt"})


def test_the_watcher_comes_and_goes_with_what_is_watched_and_dies_with_its_worker(watched):
    watched.save(rules={"watch": False})
    watched.cluster.start("scheduler", "scheduler")
    watched.cluster.start("worker", "worker")
    wait_until(lambda: watched.logged("child.started"), timeout=60)
    watched.cluster.wait_for_leader()
    assert watched.watcher() is None

    watched.save()
    watched.wait_for_watch(1)
    watched.save(enabled=False)
    wait_until(lambda: watched.logged("watcher.ended") and watched.watcher() is None, timeout=60)
    watched.save()
    watched.wait_for_watch(2)

    watcher = watched.watcher()
    watched.cluster.kill("worker")
    wait_until(lambda: not is_running(watcher), timeout=60)


def test_a_worker_that_is_told_not_to_watches_nothing(watched):
    watched.cluster.start("scheduler", "scheduler")
    watched.cluster.start("worker", "worker", ROTA_WATCH="false")
    watched.cluster.start("worker", "other")

    wait_until(lambda: "watch.began" in watched.cluster.log_tail("other"), timeout=60)

    assert watched.watcher() is None


def test_a_worker_of_a_site_serves_the_queue_of_its_datasource_and_watches_that_alone(watched, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    watched.save(queue="site-far")
    watched.save(name="other", root=str(other))

    watched.start(ROTA_QUEUES="site-far")

    assert watched.entries() == {b"one.txt", b"sub"}
    assert watched.logged("watch.began") == 1
