"""kill -9 at every commit of an index run, on every side of it: the next attempt goes on, and the index is exact."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.actors.indexed import Indexed

_PROCESS = "tests.integration.actors.index_process"
_FOLDERS, _FILES = 30, 8


def fill(indexed: Indexed, word: str) -> None:
    indexed.rule(largest_read=100)
    tree = {f"d{n:02}": {f"{k}.txt": f"{word} of {n} and {k}".encode() for k in range(_FILES)} for n in range(_FOLDERS)}
    tree["large"] = {"large.txt": word.encode() * 100}
    indexed.write(tree)
    indexed.sync()


@pytest.mark.parametrize("side", ["before", "between", "after"])
def test_a_first_index_survives_a_kill_at_each_of_its_commits(
    indexed: Indexed, sqlite_url: str, tmp_path: Path, side: str
) -> None:
    fill(indexed, "spade")

    kills = index_through_kills(sqlite_url, tmp_path, side=side, commits=3)

    assert kills >= 2
    assert_exact(indexed, "spade")


@pytest.mark.parametrize("side", ["before", "between", "after"])
def test_a_full_index_survives_a_kill_at_each_of_its_commits(
    indexed: Indexed, sqlite_url: str, tmp_path: Path, side: str
) -> None:
    fill(indexed, "spade")
    indexed.index()
    shutil.rmtree(indexed.root / "d07")
    (indexed.root / "d08").rename(indexed.root / "a08")
    fill(indexed, "shovel")
    shutil.rmtree(indexed.root / "d09")
    indexed.sync()

    kills = index_through_kills(sqlite_url, tmp_path, side=side, commits=4, full=True)

    assert kills >= 3
    assert indexed.record().live == 2
    assert indexed.engine.generations("files") == [2]
    assert indexed.find("spade") == {f"a08/{k}.txt" for k in range(_FILES)}
    assert_exact(indexed, "shovel", missing={"d09"})


@pytest.mark.parametrize("side", ["before", "between", "after"])
def test_changes_survive_a_kill_at_each_commit(indexed: Indexed, sqlite_url: str, tmp_path: Path, side: str) -> None:
    fill(indexed, "spade")
    indexed.index()
    fill(indexed, "shovel")

    kills = index_through_kills(sqlite_url, tmp_path, side=side, commits=3)

    assert kills >= 1
    assert indexed.find("spade") == set()
    assert_exact(indexed, "shovel")


def assert_exact(indexed: Indexed, word: str, *, missing: frozenset[str] | set[str] = frozenset()) -> None:
    folders = {path.name for path in indexed.root.iterdir()} - {"large", "a08"} - missing
    assert indexed.is_exact()
    assert indexed.find(f"{word} of") == {f"{folder}/{k}.txt" for folder in folders for k in range(_FILES)}
    assert indexed.unread() == {"large/large.txt": "too_large"}
    assert (indexed.check().missing, indexed.check().surplus) == (0, 0)


def index_through_kills(url: str, folder: Path, *, side: str, commits: int, full: bool = False) -> int:
    """Start processes that kill themselves, each at a later commit, then one that does not; say how many were killed."""
    kills = 0
    arguments = [url, str(folder / "search"), str(folder / "checkpoints"), str(int(full))]
    for nth in (*range(1, commits + 1), None):
        dying = [] if nth is None else [str(nth), side]
        ended = subprocess.run(
            [sys.executable, "-m", _PROCESS, *arguments, *dying],
            capture_output=True,
            cwd=Path(__file__).parents[3],
            timeout=120,
            check=False,
        )
        assert ended.returncode in ({0, -9} if dying else {0}), ended.stderr.decode()
        kills += ended.returncode == -9
    return kills
