"""kill -9 at any moment of an extraction: no half folder under its name, and the next attempt makes it whole, once."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from actors.datasources.storage import Datasource
from rota.times import DAY_MS
from store.engine import Store
from tests.faults.forking import Forking
from tests.integration.actors.killed import KilledProcess, warm
from tests.integration.actors.unpacked import files, member, tarred, zipped
from tests.integration.actors.upkeep import NOW, Upkept, set_age, set_clock

_KILLS = 5
TREE = {f"d{number % 20}/f{number}": b"%d" % number * 2000 for number in range(600)}


class Killed(KilledProcess):
    """An extraction in processes of its own."""

    def __init__(self, forking: Forking, folder: Path, *, each_bytes: int = 60_000, **params: Any) -> None:
        self.root = folder / "files"
        self.root.mkdir()
        given = {"params": params, "root": str(self.root), "state": str(folder / "state.json")}
        super().__init__(forking, folder, given, each_bytes=each_bytes)

    def growing(self) -> list[Path]:
        return list(self.root.glob(".rota-draft-*-tree"))

    def written(self) -> int:
        return sum(len(names) for tree in self.growing() for _, _, names in os.walk(tree))

    def merged(self) -> int:
        folders = os.walk(self.root / "to")
        return sum(not name.startswith(".rota") for _, _, names in folders for name in names)


@pytest.fixture(scope="module")
def forking() -> Iterator[Forking]:
    """What forks the processes."""
    with warm("extract_process") as started:
        yield started


def fill(killed: Killed, kind: str) -> None:
    made = zipped(TREE) if kind == "zip" else tarred(*(member(name, content) for name, content in TREE.items()))
    (killed.root / f"a.{kind}").write_bytes(made)


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_killed_again_and_again_it_is_made_once_and_whole(forking: Forking, tmp_path: Path, kind: str) -> None:
    killed = Killed(forking, tmp_path, path=f"a.{kind}")
    fill(killed, kind)
    chance = random.Random(11)

    for number in range(_KILLS):
        assert killed.kill_when(lambda mark=number * 60: killed.written() > mark, after=chance.random() / 50)
        assert not (killed.root / "a").exists()
    made = killed.finish()

    assert (made["path"], made["entries"]) == ("a", 600)
    assert files(killed.root / "a") == TREE
    assert sorted(path.name for path in killed.root.iterdir()) == ["a", f"a.{kind}"]


def test_a_killed_merge_leaves_whole_files_only(forking: Forking, tmp_path: Path) -> None:
    killed = Killed(forking, tmp_path, each_bytes=150_000, path="a.zip", target="to", conflict="overwrite")
    fill(killed, "zip")
    (killed.root / "to/d3").mkdir(parents=True)
    (killed.root / "to/d3/f3").write_bytes(b"mine")

    for mark in (5, 100, 300):
        assert killed.kill_when(lambda mark=mark: killed.merged() > mark)
        for path, content in files(killed.root / "to").items():
            assert content in {TREE[path], b"mine" if path == "d3/f3" else None}
    killed.finish()

    assert files(killed.root / "to") == TREE
    assert killed.growing() == []


@pytest.fixture
def store(sqlite_url: str) -> Iterator[Store]:
    """A store."""
    opened = Store(sqlite_url)
    yield opened
    opened.close()


def test_what_nobody_comes_back_for_is_cleaned_up(
    forking: Forking, tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = Killed(forking, tmp_path, path="a.tar.gz")
    fill(killed, "tar.gz")
    assert killed.kill_when(lambda: killed.written() > 50)
    [left] = killed.growing()
    set_clock(monkeypatch, NOW)
    upkept = Upkept(Datasource(name="files", root=str(killed.root)), store)
    set_age(left, DAY_MS // 2)

    assert upkept.counts() == {"kept": 1}
    set_age(left, 2 * DAY_MS)
    assert upkept.counts(dry_run=True) == {"drafts": 1}
    assert killed.growing() == [left]
    counts = upkept.counts()

    assert counts.keys() == {"drafts", "bytes"}
    assert counts["drafts"] == 1
    assert [path.name for path in killed.root.iterdir()] == ["a.tar.gz"]
