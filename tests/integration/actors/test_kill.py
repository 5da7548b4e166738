"""kill -9 at any moment: the next attempt goes on, and no change is forgotten."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from pathlib import Path

from actors.datasources.storage import Datasource
from actors.stored import StoredDatasources
from store.engine import Store
from store.queries import datasources
from store.records import DatasourceRecord
from tests.integration.actors.conftest import Synced
from tests.integration.actors.sync_process import events_in
from tests.replay import replay
from tests.trees import make_tree, walked
from tests.waiting import wait_until

_PROCESS = "tests.integration.actors.sync_process"
_KILLS = 3


def test_killed_processes_lose_no_event(sqlite_url: str, tmp_path: Path) -> None:
    root = tmp_path / "root"
    make_tree(root, {f"d{n}": {f"e{m}": {str(k): b"x" for k in range(30)} for m in range(20)} for n in range(20)})
    store = Store(sqlite_url)
    with store.writing() as conn:
        datasources.save(conn, DatasourceRecord(name="files", kind="local", root=str(root)), at=0)
    synced = Synced(
        Datasource(name="files", root=str(root)), lambda: StoredDatasources(store, run="run").catalog("files")
    )
    chance = random.Random(7)

    _sync_through_kills(sqlite_url, tmp_path / "first", chance)
    assert synced.is_exact()
    known = {path: seen[:2] for path, seen in synced.known().items()}
    assert replay({}, events_in(str(tmp_path / "first"))) == known

    for n in range(0, 20, 3):
        shutil.rmtree(root / f"d{n}" / "e1")
        (root / f"d{n}" / "e2").rename(root / f"d{n + 1}" / "moved")
        make_tree(root / f"d{n}", {"new": {str(k): b"y" for k in range(200)}})
    _sync_through_kills(sqlite_url, tmp_path / "second", chance)
    assert synced.is_exact()
    told = replay(known, events_in(str(tmp_path / "second")))
    assert told == {path: seen[:2] for path, seen in walked(root).items()}
    store.close()


def _sync_through_kills(url: str, path: Path, chance: random.Random) -> None:
    """Start processes until one comes to its end; kill the first ones some time after they began to write."""
    for _ in range(_KILLS):
        before = _size(path)
        process = _start(url, path)
        wait_until(lambda: _size(path) > before or process.poll() is not None, timeout=60)
        try:
            process.wait(timeout=chance.random() / 4)
        except subprocess.TimeoutExpired:
            process.kill()
        process.communicate()
    process = _start(url, path)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0, out


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _start(url: str, path: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", _PROCESS, url, "files", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=Path(__file__).parents[3],
    )
