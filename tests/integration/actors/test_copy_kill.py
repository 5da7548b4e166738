"""kill -9 at any moment of a copy or move: whole files only, each in at least one place, and the next attempt goes on."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.forking import Forking
from tests.integration.actors.carried import count, files
from tests.integration.actors.killed import KilledProcess, warm
from tests.integration.actors.mirrors import drafted, drafts
from tests.trees import make_tree

_KILLS = 4
_MIB = 1024 * 1024


class Killed(KilledProcess):
    """A copy or move in processes of its own."""

    def __init__(self, forking: Forking, folder: Path, deed: str, *, each_bytes: int, **params: Any) -> None:
        self.source, self.target = folder / "source", folder / "target"
        self.source.mkdir()
        self.target.mkdir()
        places = {"source": str(self.source), "target": str(self.target), "state": str(folder / "state.json")}
        super().__init__(forking, folder, {"deed": deed, "params": params, **places}, each_bytes=each_bytes)


@pytest.fixture(scope="module")
def forking() -> Iterator[Forking]:
    """What forks the processes."""
    with warm("carry_process") as started:
        yield started


def test_a_large_file_goes_on_where_it_was(forking: Forking, tmp_path: Path) -> None:
    killed = Killed(forking, tmp_path, "copy", paths=["big"], verify=False, each_bytes=2 * _MIB)
    content = os.urandom(24 * _MIB + 77)
    (killed.source / "big").write_bytes(content)

    assert killed.kill_when(lambda: drafted(killed.target) > 15 * _MIB)
    assert files(killed.target) == {}
    [draft] = drafts(killed.target)
    inode = os.stat(draft).st_ino

    done = killed.finish()

    assert (killed.target / "big").read_bytes() == content
    assert (killed.target / "big").stat().st_ino == inode
    assert drafts(killed.target) == []
    assert done["attempt"] == 2
    assert done["read"] < 12 * _MIB, "the first half was read again"


def test_killed_again_and_again_a_large_file_is_verified_as_a_whole(forking: Forking, tmp_path: Path) -> None:
    killed = Killed(forking, tmp_path, "copy", paths=["big"], each_bytes=_MIB)
    content = os.urandom(40 * _MIB)
    (killed.source / "big").write_bytes(content)
    chance = random.Random(7)

    for number in range(1, _KILLS + 1):
        mark = number * 7 * _MIB
        assert killed.kill_when(lambda mark=mark: drafted(killed.target) > mark, after=chance.random() / 50)

    assert killed.finish()["verified"] == 1
    assert (killed.target / "big").read_bytes() == content
    assert drafts(killed.target) == []


@pytest.mark.parametrize("conflict", ["skip", "number", "overwrite"])
def test_killed_copies_make_each_file_once(forking: Forking, tmp_path: Path, conflict: str) -> None:
    paths = ["a", "b", "x"]
    killed = Killed(forking, tmp_path, "copy", each_bytes=250_000, paths=paths, target="to", conflict=conflict)
    for top in ("a", "b"):
        tree = {f"d{n}": {f"{k}.txt": b"%d" % k * 10_000 for k in range(20)} for n in range(15)}
        make_tree(killed.source / top, tree)
    make_tree(killed.source, {"x": b"new x"})
    make_tree(killed.target / "to", {"x": b"old", "a": {"d3": {"7.txt": b"old"}}})
    wanted = {f"to/{path}": content for path, content in files(killed.source).items()}
    old = {"to/x": b"old", "to/a/d3/7.txt": b"old"}
    if conflict == "number":
        wanted |= {"to/x (2)": wanted["to/x"], "to/a/d3/7 (2).txt": wanted["to/a/d3/7.txt"]}
    if conflict != "overwrite":
        wanted |= old
    chance = random.Random(5)

    for _ in range(_KILLS):
        before = count(killed.target)
        assert killed.kill_when(lambda mark=before: count(killed.target) > mark, after=chance.random() / 50)
        for path, content in files(killed.target).items():
            assert content in {wanted[path], old.get(path)}
    done = killed.finish()

    assert files(killed.target) == wanted
    assert done["copied"] == 601 - (2 if conflict == "skip" else 0)


@pytest.mark.parametrize("conflict", ["skip", "overwrite", "number"])
def test_killed_moves_leave_each_file_in_exactly_one_place(forking: Forking, tmp_path: Path, conflict: str) -> None:
    killed = Killed(forking, tmp_path, "move", each_bytes=100_000, paths=["a", "x"], conflict=conflict)
    make_tree(killed.source / "a", {f"d{n}": {str(k): b"%d-%d" % (n, k) * 3000 for k in range(20)} for n in range(15)})
    make_tree(killed.source, {"x": b"new x"})
    make_tree(killed.target, {"x": b"old", "a": {"d3": {"7": b"old"}}})
    moved = {path: content for path, content in files(killed.source).items() if path not in {"x", "a/d3/7"}}
    chance = random.Random(3)

    for _ in range(_KILLS):
        before = count(killed.target)
        assert killed.kill_when(lambda mark=before: count(killed.target) > mark, after=chance.random() / 50)
        here, there = files(killed.source), files(killed.target)
        for path, content in moved.items():
            assert content in {here.get(path), there.get(path)}
    killed.finish()

    there = files(killed.target)
    assert {path: there[path] for path in moved} == moved
    new = {"x": b"new x", "a/d3/7": b"3-7" * 3000}
    if conflict == "skip":
        assert files(killed.source) == new
    else:
        assert not any(killed.source.iterdir())
    others = {path: content for path, content in there.items() if path not in moved}
    assert (
        others
        == {
            "skip": {"x": b"old", "a/d3/7": b"old"},
            "overwrite": new,
            "number": {"x": b"old", "a/d3/7": b"old", "x (2)": new["x"], "a/d3/7 (2)": new["a/d3/7"]},
        }[conflict]
    )
