"""kill -9 at any moment of a deletion, a restore or a purge: each item is whole in one place, and the next one goes on."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from actors.stored import StoredDatasources
from rota.ids import new_id
from store.engine import Store
from store.queries import datasources
from store.records import DatasourceRecord
from tests.integration.actors.recycle_process import KilledRun, act
from tests.trees import make_tree
from tests.waiting import wait_until

_PROCESS = "tests.integration.actors.recycle_process"
_ITEMS, _FILES, _KILLS = 120, 5, 3
_NAMES = [f"d{number:03}" for number in range(_ITEMS)]
_DAY_MS = 86_400_000


class Killed:
    """A datasource with folders of some files, and processes that are killed while they work on it."""

    def __init__(self, url: str, root: Path) -> None:
        self.url = url
        self.root = root
        self.store = Store(url)
        with self.store.writing() as conn:
            datasources.save(conn, DatasourceRecord(name="files", kind="local", root=str(root)), at=0)
        self._chance = random.Random(3)

    @property
    def records(self) -> Any:
        return StoredDatasources(self.store, run="run", task="judge").bin("files")

    def do(self, deed: str, *paths: str, task: str | None = None) -> Any:
        return act(KilledRun(self.store, task or new_id()), "files", deed, list(paths))

    def age(self, days: int) -> None:
        then = int(time.time() * 1000) - days * _DAY_MS
        items = [item.recycled._replace(deleted_at=then) for item in self.records.find(range(1, 10_000))]
        self.records.add(items)

    def kill(self, deed: str, *paths: str, done: Callable[[], int]) -> str:
        """Kill some processes of one task, each once it has got on, and give the task."""
        task = new_id()
        for _ in range(_KILLS):
            before = done()
            process = subprocess.Popen(
                [sys.executable, "-m", _PROCESS, self.url, "files", task, deed, *paths],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=Path(__file__).parents[3],
            )
            wait_until(
                lambda before=before, process=process: done() != before or process.poll() is not None, timeout=60
            )
            try:
                process.wait(timeout=self._chance.random() / 50)
            except subprocess.TimeoutExpired:
                process.kill()
            out, _ = process.communicate()
            assert process.returncode in {0, -9}, out
            self.judge()
        return task

    def judge(self) -> None:
        """Each item is whole, in one place, unless a purge had begun with it."""
        places: dict[str, list[Path]] = {}
        for name in self.here():
            places.setdefault(name, []).append(self.root / name)
        for name, path in self._in_bin():
            places.setdefault(name, []).append(path)
        for name, found in places.items():
            assert len(found) == 1, f"{name} is in {found}"
            assert sorted(os.listdir(found[0])) == [str(number) for number in range(_FILES)], found

    def here(self) -> list[str]:
        return sorted(path.name for path in self.root.glob("d*"))

    def binned(self) -> list[str]:
        return sorted(name for name, _ in self._in_bin())

    def _in_bin(self) -> list[tuple[str, Path]]:
        """Give what lies in the bin; places may come and go meanwhile."""
        top = self.root / ".rota" / "bin"
        found = []
        for item in os.listdir(top) if top.exists() else ():
            with suppress(FileNotFoundError, NotADirectoryError):
                found += [(name, top / item / name) for name in os.listdir(top / item)]
        return found

    def known(self) -> list[str]:
        return sorted(item.recycled.original_path.decode() for item in self.records.find(range(1, 10_000)))

    def own(self) -> list[str]:
        """Give what is Rota's own; drafts go after a day."""
        rota = self.root / ".rota"
        paths = [path for path in rota.rglob("*") if path not in {rota / "bin", rota / "tomb"}]
        return [str(path.relative_to(rota)) for path in paths if not path.name.startswith(".rota-draft-")]


@pytest.fixture
def killed(sqlite_url: str, tmp_path: Path) -> Iterator[Killed]:
    make_tree(tmp_path / "files", {name: {str(n): b"x" * n for n in range(_FILES)} for name in _NAMES})
    made = Killed(sqlite_url, tmp_path / "files")
    yield made
    made.store.close()


def test_killed_deletions(killed: Killed) -> None:
    task = killed.kill("delete", *_NAMES, done=lambda: len(killed.here()))

    result = killed.do("delete", *_NAMES, task=task)

    assert (result.removed, result.items, result.skipped) == (_ITEMS, _ITEMS * (_FILES + 1), 0)
    assert (killed.here(), killed.binned(), killed.known()) == ([], _NAMES, _NAMES)


def test_killed_deletions_are_recorded_by_the_next_purge(killed: Killed) -> None:
    killed.kill("delete", *_NAMES, done=lambda: len(killed.here()))

    killed.do("purge")

    assert killed.known() == killed.binned()
    assert killed.here() == sorted(set(_NAMES) - set(killed.binned()))
    assert {item.recycled.deleted_by for item in killed.records.find(range(1, 10_000))} == {"anna"}


def test_killed_restores(killed: Killed) -> None:
    killed.do("delete", *_NAMES)

    task = killed.kill("restore", *_NAMES, done=lambda: len(killed.here()))
    left = killed.known()
    result = killed.do("restore", *left, task=task) if left else None

    assert result is None or result.restored == len(left)
    assert (killed.here(), killed.known(), killed.own()) == (_NAMES, [], [])


def test_killed_restores_are_settled_by_the_next_purge(killed: Killed) -> None:
    killed.do("delete", *_NAMES)
    killed.kill("restore", *_NAMES, done=lambda: len(killed.here()))

    killed.do("purge")

    assert killed.known() == killed.binned()
    assert sorted(killed.here() + killed.binned()) == _NAMES
    assert len(killed.own()) == len(killed.binned()) * (_FILES + 3)


@pytest.mark.parametrize("deed", ["purge", "permanently"])
def test_killed_purges(killed: Killed, deed: str) -> None:
    names = [] if deed == "purge" else _NAMES[60:]
    killed.do("delete", *_NAMES[: 60 if names else _ITEMS])
    killed.age(60)

    task = killed.kill(deed, *names, done=lambda: len(killed.binned()) if deed == "purge" else len(killed.here()))
    killed.do("purge")
    killed.do("purge")

    assert (killed.binned(), killed.known()) == ([], [])
    assert killed.here() == sorted(set(names) & set(killed.here()))
    # A kill between the note of an item and its move leaves the note; the next attempt of that task uses it.
    if left := killed.here():
        killed.do(deed, *left, task=task)
    assert (killed.here(), killed.own()) == ([], [])


def test_results_of_processes_are_whole(killed: Killed) -> None:
    """The process that is killed elsewhere does all of it when it is let."""
    out = subprocess.run(
        [sys.executable, "-m", _PROCESS, killed.url, "files", new_id(), "delete", *_NAMES],
        check=True,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
        timeout=60,
    ).stdout

    assert json.loads(out)["removed"] == _ITEMS
