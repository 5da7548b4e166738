"""kill -9 at any moment of a `hash`: there is the old manifest or the new one, and the next attempt goes on."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

from actors.datasources.drafts import DraftKind, parse_draft
from tests.integration.actors.hashes import checked
from tests.integration.actors.mirrors import drafts
from tests.trees import make_tree
from tests.waiting import wait_until

_KILLS = 4


def test_killed_attempts_leave_the_old_manifest_and_the_last_one_writes_the_new(tmp_path: Path) -> None:
    root, sums, state = tmp_path / "files", tmp_path / "sums", tmp_path / "state"
    make_tree(root, {f"d{n:02}": {f"{m:03}": b"%d" % (n * m) * 500 for m in range(100)} for n in range(30)})
    make_tree(sums, {"SUMS": b"old"})
    chance = random.Random(7)

    for _ in range(_KILLS):
        before = state.read_text() if state.exists() else ""
        process = _start(root, sums, state)
        wait_until(lambda: process.poll() is not None or (state.exists() and state.read_text() != before), timeout=60)
        try:
            process.wait(timeout=chance.random() / 20)
        except subprocess.TimeoutExpired:
            process.kill()
        process.communicate()
        assert process.returncode != 0, "it was killed in the middle"
        assert (sums / "SUMS").read_bytes() == b"old"

    out, _ = _start(root, sums, state).communicate(timeout=60)

    assert json.loads(out) == {"files": 3000, "began": True}
    (root / "SUMS").write_bytes((sums / "SUMS").read_bytes())
    assert (sums / "SUMS").read_bytes().count(b"\n") == 3000
    assert checked("sha256sum", root / "SUMS") == 0
    # What was being written when it was killed is left to whoever cleans up; what was kept is gone.
    left = [parse_draft(Path(draft).name.encode()) for draft in drafts(sums)]
    assert all(draft is not None and draft.kind is DraftKind.WRITTEN for draft in left)


def _start(root: Path, sums: Path, state: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.integration.actors.hash_process", str(root), str(sums), str(state)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=Path(__file__).parents[3],
    )
