"""kill -9 at any moment of a `hash`: there is the old manifest or the new one, and the next attempt goes on."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from actors.datasources.drafts import DraftKind, parse_draft
from tests.faults.forking import Forking
from tests.integration.actors.hashes import checked
from tests.integration.actors.killed import KilledProcess, warm
from tests.integration.actors.mirrors import drafts
from tests.trees import make_tree

_KILLS = 4


@pytest.fixture(scope="module")
def forking() -> Iterator[Forking]:
    """What forks the processes."""
    with warm("hash_process") as started:
        yield started


def test_killed_attempts_leave_the_old_manifest_and_the_last_one_writes_the_new(
    forking: Forking, tmp_path: Path
) -> None:
    root, sums, state = tmp_path / "files", tmp_path / "sums", tmp_path / "state.json"
    make_tree(root, {f"d{n:02}": {f"{m:03}": b"%d" % (n * m) * 500 for m in range(60)} for n in range(20)})
    make_tree(sums, {"SUMS": b"old"})
    chance = random.Random(7)
    places = {"root": str(root), "sums": str(sums), "state": str(state)}
    killed = KilledProcess(forking, tmp_path, places, each_bytes=10_000)

    def reached() -> Any:
        return json.loads(state.read_text())["state"] if state.exists() else None

    for _ in range(_KILLS):
        before = reached()
        assert killed.kill_when(lambda before=before: reached() != before, after=chance.random() / 50)
        assert (sums / "SUMS").read_bytes() == b"old"

    assert killed.finish() == {"files": 1200, "began": True}
    (root / "SUMS").write_bytes((sums / "SUMS").read_bytes())
    assert (sums / "SUMS").read_bytes().count(b"\n") == 1200
    assert checked("sha256sum", root / "SUMS") == 0
    # What was being written when it was killed is left to whoever cleans up; what was kept is gone.
    left = [parse_draft(Path(draft).name.encode()) for draft in drafts(sums)]
    assert all(draft is not None and draft.kind is DraftKind.WRITTEN for draft in left)
