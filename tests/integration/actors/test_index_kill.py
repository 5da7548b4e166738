"""kill -9 at every commit of an index run, on every side of it: the next attempt goes on, and the index is exact."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.forking import Forking
from tests.integration.actors.indexed import Indexed

_FOLDERS, _FILES = 30, 8


@pytest.fixture(scope="module")
def forking() -> Iterator[Forking]:
    started = Forking("tests.integration.actors.index_process", environment={})
    yield started
    started.close()


def fill(indexed: Indexed, word: str) -> None:
    indexed.rule(largest_read=100)
    tree = {f"d{n:02}": {f"{k}.txt": f"{word} of {n} and {k}".encode() for k in range(_FILES)} for n in range(_FOLDERS)}
    tree["large"] = {"large.txt": word.encode() * 100}
    indexed.write(tree)
    indexed.sync()


@pytest.mark.parametrize("side", ["before", "between", "after"])
def test_a_first_index_survives_a_kill_at_each_of_its_commits(
    indexed: Indexed, forking: Forking, sqlite_url: str, tmp_path: Path, side: str
) -> None:
    fill(indexed, "spade")

    kills = index_through_kills(forking, sqlite_url, tmp_path, side=side, commits=3)

    assert kills >= 2
    assert_exact(indexed, "spade")


@pytest.mark.parametrize("side", ["before", "between", "after"])
def test_a_full_index_survives_a_kill_at_each_of_its_commits(
    indexed: Indexed, forking: Forking, sqlite_url: str, tmp_path: Path, side: str
) -> None:
    fill(indexed, "spade")
    indexed.index()
    shutil.rmtree(indexed.root / "d07")
    (indexed.root / "d08").rename(indexed.root / "a08")
    fill(indexed, "shovel")
    shutil.rmtree(indexed.root / "d09")
    indexed.sync()

    kills = index_through_kills(forking, sqlite_url, tmp_path, side=side, commits=4, full=True)

    assert kills >= 3
    assert indexed.record().live == 2
    assert indexed.engine.generations("files") == [2]
    assert indexed.find("spade") == {f"a08/{k}.txt" for k in range(_FILES)}
    assert_exact(indexed, "shovel", missing={"d09"})


@pytest.mark.parametrize("side", ["before", "between", "after"])
def test_changes_survive_a_kill_at_each_commit(
    indexed: Indexed, forking: Forking, sqlite_url: str, tmp_path: Path, side: str
) -> None:
    fill(indexed, "spade")
    indexed.index()
    fill(indexed, "shovel")

    kills = index_through_kills(forking, sqlite_url, tmp_path, side=side, commits=3)

    assert kills >= 1
    assert indexed.find("spade") == set()
    assert_exact(indexed, "shovel")


def assert_exact(indexed: Indexed, word: str, *, missing: frozenset[str] | set[str] = frozenset()) -> None:
    folders = {path.name for path in indexed.root.iterdir()} - {"large", "a08"} - missing
    assert indexed.is_exact()
    assert indexed.find(f"{word} of") == {f"{folder}/{k}.txt" for folder in folders for k in range(_FILES)}
    assert indexed.unread() == {"large/large.txt": "too_large"}
    assert (indexed.check().missing, indexed.check().surplus) == (0, 0)


def index_through_kills(
    forking: Forking, url: str, folder: Path, *, side: str, commits: int, full: bool = False
) -> int:
    """Start processes that kill themselves, each at a later commit, then one that does not; say how many were killed."""
    kills = 0
    for nth in (*range(1, commits + 1), 0):
        ended = forking.ask(
            url=url,
            folder=str(folder / "search"),
            path=str(folder / "checkpoints"),
            full=full,
            die_at=nth,
            side=side,
        )
        assert ended.error == ""
        assert ended.signal == 0 or (ended.killed and nth)
        kills += ended.killed
    return kills
