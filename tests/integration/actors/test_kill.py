"""kill -9 at any moment of a sync of 100,000 entries: the next attempt goes on, and no change is forgotten."""

from __future__ import annotations

import os
import random
import shutil
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
from tests.faults.forking import Forking
from tests.integration.actors.conftest import Synced
from tests.integration.actors.sync_process import events_in
from tests.replay import replay
from tests.trees import walked

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


@pytest.fixture
def forking() -> Iterator[Forking]:
    started = Forking("tests.integration.actors.sync_process", environment={})
    yield started
    started.close()


def test_killed_processes_lose_no_event(synced: Synced, forking: Forking, sqlite_url: str, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"

    kills = _sync_through_kills(forking, sqlite_url, first, at_commits=[(2, "before"), (3, "after"), (5, "before")])
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
    kills = _sync_through_kills(forking, sqlite_url, second, at_commits=commits)
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


def _sync_through_kills(forking: Forking, url: str, path: Path, *, at_commits: list[tuple[int, str]]) -> int:
    """Start processes until one comes to its end, and say how many were killed before.

    Some are killed at their own commits, some at any time after they began to write.
    """
    chance = random.Random(7)
    deaths = [{"die_at": nth, "side": side} for nth, side in at_commits]
    deaths += [{"alive_seconds": 0.01 + chance.random() / 2} for _ in range(3)]
    kills = 0
    for death in deaths:
        ended = forking.ask(url=url, name="files", path=str(path), **death)
        assert ended.error == ""
        kills += ended.signal != 0
    ended = forking.ask(url=url, name="files", path=str(path))
    assert (ended.error, ended.signal) == ("", 0)
    assert kills, "nothing was killed"
    return kills


def _fill(folder: str, files: int) -> None:
    os.makedirs(folder)
    for n in range(files):
        os.close(os.open(f"{folder}/{n}", os.O_CREAT | os.O_WRONLY))
