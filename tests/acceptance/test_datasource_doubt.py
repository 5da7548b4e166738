"""What looks like a loss of everything, with whole processes: it is asked about, and nothing goes unasked."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.cluster import Cluster
from tests.acceptance.installed import Installed, result_of
from tests.trees import make_tree, walked

_PR_CAPBSET_DROP = 24
_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH = 1, 2


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """A folder with 30 files below two folders."""
    root = tmp_path / "docs"
    make_tree(root, {"a": {str(n): b"x" for n in range(25)}, "b": {str(n): b"y" for n in range(5)}})
    return root


@pytest.fixture
def started(rota: Installed, docs: Path) -> Installed:
    """A whole Rota that knows the folder."""
    rota.cluster.start("scheduler", "scheduler")
    _start_worker_for_whom_permissions_count(rota.cluster)
    rota.cluster.wait_for_leader(timeout=30)
    rota.add("docs", docs)
    rota.synced("docs")
    return rota


def test_deletions_wait_until_they_are_confirmed_or_the_files_are_back(started: Installed, docs: Path) -> None:
    rota, before = started, started.known("docs")

    # Everything is gone, is asked about everywhere, and comes back before anybody answers.
    (docs / "a").rename(docs.with_name("a"))
    (docs / "b").rename(docs.with_name("b"))
    failed = rota.synced("docs", state="failed")
    assert "the storage is empty and the catalog has 32 entries; nothing was deleted" in str(failed["tasks"])
    assert rota.known("docs") == before
    source = rota.source("docs")
    assert (source["state"], source["doubt"]["deleted"]) == ("needs confirmation", 32)
    assert "32 deletions wait for your confirmation" in rota.page("/datasources/docs")
    assert "needs confirmation" in rota.rota("datasources", "list")[1]
    docs.with_name("a").rename(docs / "a")
    docs.with_name("b").rename(docs / "b")
    code, said = rota.rota("datasources", "confirm", "docs", "--yes", "--wait")
    assert (code, "deleted 0" in said) == (0, True), said
    assert rota.known("docs") == before == walked(docs)
    assert rota.source("docs")["doubt"] is None
    assert rota.rota("datasources", "confirm", "docs", "--yes")[0] == 4

    # Most of it is gone, and more by the time of the answer: asked again.
    shutil.rmtree(docs / "a")
    rota.synced("docs", state="failed")
    assert rota.source("docs")["doubt"]["deleted"] == 26
    shutil.rmtree(docs / "b")
    code, said = rota.rota("datasources", "confirm", "docs", "--yes", "--wait")
    assert (code, "nothing was deleted" in said) == (1, True), said
    assert rota.known("docs") == before
    code, said = rota.rota("datasources", "confirm", "docs", "--yes", "--wait")
    assert (code, "deleted 32" in said) == (0, True), said
    assert rota.known("docs") == {}
    assert rota.source("docs")["state"] == "ok"


def test_unmounted_folder_and_one_that_may_not_be_read_delete_nothing(started: Installed, docs: Path) -> None:
    rota, before = started, started.known("docs")

    # A marked root, and the empty folder that is left when its disk is not mounted.
    assert rota.rota("datasources", "test", "docs", "--mark")[0] == 0
    disk = docs.with_name("disk")
    docs.rename(disk)
    docs.mkdir()
    failed = rota.synced("docs", state="failed")
    assert "its marker .rota-marker is not there" in str(failed["tasks"])
    assert rota.source("docs")["state"] == "unreachable"
    docs.rmdir()
    disk.rename(docs)
    rota.synced("docs")
    assert rota.source("docs")["state"] == "ok"
    (docs / ".rota-marker").unlink()
    rota.synced("docs", state="failed")
    assert rota.rota("datasources", "set", "docs", "--no-marker")[0] == 0
    rota.synced("docs")

    # A folder that the worker may not read keeps its rows, the rest is written, and the run says which it was.
    (docs / "b" / "0").unlink()
    os.chmod(docs / "a", 0)
    failed = rota.synced("docs", state="failed")
    os.chmod(docs / "a", 0o755)
    assert "cannot list" in str(failed["tasks"]) or "Permission denied" in str(failed["tasks"])
    assert before.keys() - rota.known("docs").keys() == {b"b/0"}
    assert result_of(rota.synced("docs"))["deleted"] == 0


def _start_worker_for_whom_permissions_count(cluster: Cluster) -> None:
    """Start a worker that may not read what its user may not, even if that is root."""
    libc = ctypes.CDLL(None, use_errno=True)

    def give_up_rights() -> None:
        for right in (_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH):
            libc.prctl(_PR_CAPBSET_DROP, right, 0, 0, 0)

    with (cluster.folder / "worker.log").open("ab") as log:
        cluster.processes["worker"] = subprocess.Popen(
            [sys.executable, "-m", "console.main", "worker"],
            env=cluster.environment(),
            stdout=log,
            stderr=log,
            cwd=cluster.folder,
            preexec_fn=give_up_rights,
        )
