"""kill -9 at any moment of a sync of 100,000 entries: the next attempt goes on, and no change is forgotten."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.catalog import BATCH
from actors.datasources.storage import Datasource
from actors.stored import StoredDatasources
from store.engine import Store
from store.queries import datasources
from store.records import DatasourceRecord
from tests.integration.actors.conftest import Synced
from tests.integration.actors.sync_process import events_in
from tests.replay import replay
from tests.trees import walked
from tests.waiting import wait_until

_PROCESS = "tests.integration.actors.sync_process"
_TOPS, _BELOW, _FILES = 50, 20, 99


@pytest.fixture
def root() -> Iterator[Path]:
    """A tree of 101,050 entries, in memory where there is such a file system."""
    folder = tempfile.mkdtemp(prefix="rota-kill-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
    for top in range(_TOPS):
        for below in range(_BELOW):
            _fill(f"{folder}/root/t{top}/b{below}", _FILES)
    yield Path(folder) / "root"
    shutil.rmtree(folder)


@pytest.fixture
def synced(root: Path, sqlite_url: str) -> Iterator[Synced]:
    store = Store(sqlite_url)
    with store.writing() as conn:
        datasources.save(conn, DatasourceRecord(name="files", kind="local", root=str(root)), at=0)
    yield Synced(
        Datasource(name="files", root=str(root)),
        lambda: StoredDatasources(store, run="run", task="task").catalog("files"),
    )
    store.close()


def test_killed_processes_lose_no_event(synced: Synced, sqlite_url: str, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"

    kills = _sync_through_kills(sqlite_url, first, at_commits=[(2, "before"), (3, "after"), (5, "before")])
    assert synced.is_exact()
    known = {path: seen[:2] for path, seen in synced.known().items()}
    told = events_in(str(first))
    assert replay({}, told) == known
    _assert_told_once(told, kills)

    for top in range(0, _TOPS, 2):
        shutil.rmtree(synced.root / f"t{top}" / "b1")
        (synced.root / f"t{top}" / "b2").rename(synced.root / f"t{top + 1}" / "moved")
        _fill(f"{synced.root}/t{top}/new", 400)
    commits = [(nth, side) for nth in (1, 2, 4) for side in ("before", "after")]
    kills = _sync_through_kills(sqlite_url, second, at_commits=commits)
    assert synced.is_exact()
    told = events_in(str(second))
    assert replay(known, told) == {path: seen[:2] for path, seen in walked(synced.root).items()}
    _assert_told_once(told, kills)


def _assert_told_once(told: list, kills: int) -> None:
    """At most one transaction's worth of events comes twice for each process that was killed."""
    times = Counter(
        (event.type, entry["path"], entry.get("from"))
        for event in told
        if event.type.startswith("entry.")
        for entry in event.data["entries"]
    )
    assert times.total() - len(times) <= kills * BATCH
    assert max(times.values()) <= kills + 1


def _sync_through_kills(url: str, path: Path, *, at_commits: list[tuple[int, str]]) -> int:
    """Start processes until one comes to its end, and say how many were killed before.

    Some are killed at their own commits, some at any time after they began to write.
    """
    chance = random.Random(7)
    kills = 0
    for nth, side in at_commits:
        process = _start(url, path, str(nth), side)
        out, _ = process.communicate(timeout=120)
        kills += process.returncode == -9
        assert process.returncode in {0, -9}, out
    for _ in range(3):
        before = _size(path)
        process = _start(url, path)
        wait_until(lambda: _size(path) > before or process.poll() is not None, timeout=120)
        try:
            process.wait(timeout=chance.random() / 2)
        except subprocess.TimeoutExpired:
            process.kill()
            kills += 1
        process.communicate()
    process = _start(url, path)
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0, out
    assert kills, "nothing was killed"
    return kills


def _fill(folder: str, files: int) -> None:
    os.makedirs(folder)
    for n in range(files):
        os.close(os.open(f"{folder}/{n}", os.O_CREAT | os.O_WRONLY))


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _start(url: str, path: Path, *dying: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", _PROCESS, url, "files", str(path), *dying],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=Path(__file__).parents[3],
    )
