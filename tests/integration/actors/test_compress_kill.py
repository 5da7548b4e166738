"""kill -9 at any moment of a `compress`: nothing is seen of an archive before it is whole, and the bytes are the same."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from actors.datasources.drafts import DraftKind, parse_draft
from tests.faults.forking import Forking
from tests.integration.actors.killed import KilledProcess, warm
from tests.integration.actors.mirrors import drafted, drafts
from tests.trees import File, make_tree

_KILLS = 5
_MIB = 1024 * 1024
OLD = 1_600_000_000


class Killed(KilledProcess):
    """An archive made by processes of its own."""

    def __init__(self, forking: Forking, folder: Path, *, target: str = "target", **params: Any) -> None:
        self.source, self.target = folder / "source", folder / target
        for place in (self.source, self.target):
            place.mkdir(exist_ok=True)
        places = {"source": str(self.source), "target": str(self.target), "state": str(folder / f"{target}.json")}
        super().__init__(forking, folder, {"params": params, **places}, each_bytes=_MIB // 4)

    def kept(self) -> list[str]:
        """Give the drafts that a task keeps; what a killed process was just writing in one go is for the clean-up."""
        names = [Path(draft).name for draft in drafts(self.target)]
        return [name for name in names if (found := parse_draft(name.encode())) and found.kind is DraftKind.KEPT]


@pytest.fixture(scope="module")
def forking() -> Iterator[Forking]:
    """What forks the processes."""
    with warm("compress_process") as started:
        yield started


def whole(folder: Path) -> dict[str, bytes]:
    """Give the content of what has its name."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith(".rota")}


@pytest.mark.parametrize(
    "params",
    [{}, {"format": "tar.gz"}, {"format": "tar", "split_bytes": _MIB}, {"split_bytes": 300_000, "manifest": True}],
    ids=["zip", "tar.gz", "tar-divided", "zip-divided-manifest"],
)
def test_killed_again_and_again_an_archive_is_whole_and_always_the_same(
    forking: Forking, tmp_path: Path, params: dict[str, Any]
) -> None:
    chance = random.Random(11)
    killed = Killed(forking, tmp_path, paths=["a"], **params)
    small = {f"d{n}": {str(k): File(chance.randbytes(9_000), OLD) for k in range(20)} for n in range(20)}
    make_tree(killed.source, {"a": {**small, "e": File(chance.randbytes(9 * _MIB), OLD)}})
    for folder, _, _ in os.walk(killed.source):
        os.utime(folder, (OLD, OLD))

    for number in range(_KILLS):
        mark = number * 2 * _MIB
        assert killed.kill_when(lambda mark=mark: drafted(killed.target) > mark, after=chance.random() / 50)
        assert all(parse_draft(os.fsencode(path.name)) for path in killed.target.iterdir())
    done = killed.finish()

    assert killed.kept() == []
    again = Killed(forking, tmp_path, target="again", paths=["a"], **params)
    wanted = again.finish()
    assert whole(killed.target) == whole(again.target)
    assert (done["path"], done["entries"], done["bytes_in"]) == (wanted["path"], 422, 9 * _MIB + 400 * 9_000)
    assert done["noted"] == 0


def test_killed_where_it_gets_its_name_it_is_there_once(forking: Forking, tmp_path: Path) -> None:
    chance = random.Random(3)
    killed = Killed(forking, tmp_path, paths=["a"], manifest=True)
    make_tree(killed.source, {"a": {str(k): chance.randbytes(60_000) for k in range(40)}})

    for _ in range(_KILLS):
        killed.kill_when(lambda: (killed.target / "a.zip.sha256").exists(), after=chance.random() / 200)
    done = killed.finish()

    assert done["path"] == "a.zip"
    assert sorted(whole(killed.target)) == ["a.zip", "a.zip.sha256"]
    assert killed.kept() == []
