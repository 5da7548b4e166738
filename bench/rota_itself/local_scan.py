"""An unchanged tree of files on disk: Rota's scan and its whole sync beside what lists or compares trees elsewhere.

Every contender reads name, size, time and inode of each file. `find` writes them to nowhere and compares nothing;
`rsync` and `rclone` compare with a copy of the tree, which they read as well. Each is a process of its own, and rounds
are interleaved. Then some files are changed, and the sync that finds them is measured.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from bench.measurement import Measurement, median_of

FOLDER_FILES = 100
_TOP_FOLDERS = 100
_MODIFIED_NS = 1_700_000_000_000_000_000
_CHANGED = 100  # one file of so many
_PATIENCE_SECONDS = 600


def measure_local_scan(*, entries: int, rounds: int, what: str) -> list[Measurement]:
    """Measure all that are installed on a tree of so many files, in folders of 100."""
    with tempfile.TemporaryDirectory(prefix="rota-bench-") as folder:
        tree, copy, state = Path(folder) / "tree", Path(folder) / "copy", Path(folder) / "state"
        for root in (tree, copy):
            make_tree(root, files=entries)
        _sync(tree, state)
        contenders = list(_contenders(tree, copy, state))
        for _, run in contenders:
            run()  # what the operating system can keep in memory is there for everybody
        passes = [[_measured(name, run, entries, what) for name, run in contenders] for _ in range(rounds)]
        measured = [median_of(column) for column in zip(*passes, strict=True)]
        for name, pick in (("in 1 folder of 100", _in_few_folders), ("anywhere", _anywhere)):
            changes = [
                _after_changes(tree, state, pick, f"rota, sync, 1 % changed {name}", what) for _ in range(rounds)
            ]
            measured.append(median_of(changes))
        return measured


def make_tree(root: Path, *, files: int) -> None:
    """Make empty files, 100 in each folder and the folders in 100 others, all with the same time."""
    for number in range(files // FOLDER_FILES):
        folder = root / f"top-{number % _TOP_FOLDERS:03}" / f"folder-{number:05}"
        folder.mkdir(parents=True)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for name in _names():
                file = os.open(name, os.O_CREAT | os.O_WRONLY, 0o644, dir_fd=descriptor)
                os.utime(file, ns=(_MODIFIED_NS, _MODIFIED_NS))
                os.close(file)
        finally:
            os.close(descriptor)


def _names() -> Iterator[str]:
    return (f"document-{number:04}.txt" for number in range(FOLDER_FILES))


def _contenders(tree: Path, copy: Path, state: Path) -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
    yield "rota, scan", partial(_rota, "scan", tree)
    yield "rota, scan in 1 process", partial(_rota, "scan", tree, "--processes", "1")
    yield "rota, sync", partial(_sync, tree, state)
    commands = {
        "find -printf": ["find", str(tree), "-printf", r"%P\t%s\t%T@\t%i\n"],
        "rsync -an --delete": ["rsync", "-an", "--delete", f"{tree}/", f"{copy}/"],
        "rclone sync --dry-run": ["rclone", "sync", "--dry-run", str(tree), str(copy)],
    }
    for name, command in commands.items():
        if shutil.which(command[0]) is None:
            print(f"{command[0]} is not installed and is left out", flush=True)
        else:
            yield name, partial(_command, command)


def _rota(what: str, *arguments: str | Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.rota_itself.local_sync", what, *map(str, arguments)],
        stdout=subprocess.PIPE,
        check=True,
        timeout=_PATIENCE_SECONDS,
    )
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def _sync(tree: Path, state: Path) -> dict[str, Any]:
    return _rota("sync", tree, "--state", state)


def _command(command: Sequence[str]) -> dict[str, Any]:
    before = time.monotonic()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True, timeout=_PATIENCE_SECONDS)
    return {"seconds": time.monotonic() - before}


def _measured(name: str, run: Callable[[], dict[str, Any]], entries: int, what: str) -> Measurement:
    told = run()
    note = f"{told['seconds']:.2f} s"
    if "peaks" in told:
        own, helper = (peak / 1e6 for peak in told["peaks"])
        note += f", {told['cpu_seconds']:.2f} s of processor time, peak {own:.0f} MB, of a helper {helper:.0f} MB"
    return Measurement(what=what, name=name, version="", per_second=entries / told["seconds"], note=note)


def _after_changes(
    tree: Path, state: Path, pick: Callable[[Sequence[Path]], Iterator[Path]], name: str, what: str
) -> Measurement:
    folders = sorted(tree.glob("*/*"))
    changed = 0
    now = time.time_ns()
    for file in pick(folders):
        os.utime(file, ns=(now, now))
        changed += 1
    told: dict[str, Any] = {}

    def run() -> dict[str, Any]:
        told.update(_sync(tree, state))
        return told

    measured = _measured(name, run, len(folders) * FOLDER_FILES, what)
    if told["counted"]["updated"] != changed:
        raise RuntimeError(f"{changed} files were changed, and {told['counted']} was found")
    return measured


def _in_few_folders(folders: Sequence[Path]) -> Iterator[Path]:
    for folder in folders[::_CHANGED]:
        for name in _names():
            yield folder / name


def _anywhere(folders: Sequence[Path]) -> Iterator[Path]:
    """Give files with a prime's distance, so that two of three folders have one."""
    names = list(_names())
    for number in range(0, len(folders) * FOLDER_FILES, _CHANGED + 1):
        yield folders[number // FOLDER_FILES] / names[number % FOLDER_FILES]
