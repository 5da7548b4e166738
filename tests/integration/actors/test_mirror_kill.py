"""kill -9 at any moment of a mirror: there are whole files only, and the next run goes on."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tests.integration.actors.carried import files
from tests.integration.actors.mirrors import contents
from tests.trees import make_tree
from tests.waiting import wait_until

_PROCESS = "tests.integration.actors.mirror_process"
_KILLS = 4
_BYTES_PER_SECOND = 100_000  # 7 MB are to be copied


def test_killed_mirrors_leave_whole_files_and_go_on(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    make_tree(
        source,
        {f"d{n}": {f"e{m}": {str(k): b"%d" % k * 5_000 for k in range(20)} for m in range(5)} for n in range(10)},
    )
    make_tree(target, {})
    wanted = contents(source)
    chance = random.Random(5)

    for _ in range(_KILLS):
        before = len(files(target))
        # However late it is killed, it has not come far.
        process = _start(source, target, _BYTES_PER_SECOND)
        wait_until(lambda: len(files(target)) > before or process.poll() is not None, timeout=60)
        time.sleep(chance.random() / 20)
        process.kill()
        process.communicate()
        assert process.returncode == -9
        # Nothing is there that is not whole.
        assert contents(target).items() <= wanted.items()

    there = len(files(target))
    assert _KILLS <= there < 1000, "it was killed in the middle"
    assert _finish(source, target)["copied"] == 1000 - there
    assert contents(target) == wanted


def test_killed_removals_keep_each_entry_here_or_in_the_bin(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    make_tree(source, {str(n): b"stays" for n in range(600)})
    shutil.copytree(source, target)
    make_tree(target, {f"old{n}": b"%d" % n for n in range(500)})
    bin_ = target / ".rota" / "bin"

    for _ in range(_KILLS):
        before = len(_binned(bin_))
        process = _start(source, target)
        wait_until(lambda: len(_binned(bin_)) > before or process.poll() is not None, timeout=60)
        process.kill()
        process.communicate()
        assert len(_binned(bin_)) + sum(name.startswith(b"old") for name in contents(target)) == 500

    _finish(source, target)
    assert contents(target) == contents(source)
    assert _binned(bin_) == {f"old{n}": str(n) for n in range(500)}


def _binned(bin_: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in bin_.glob("*/*")}


def _finish(source: Path, target: Path) -> dict[str, int]:
    process = _start(source, target)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0, out
    return json.loads(out)


def _start(source: Path, target: Path, *rate: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", _PROCESS, str(source), str(target), *map(str, rate)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=Path(__file__).parents[3],
    )
