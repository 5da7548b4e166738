"""Archives of real files: the actor `compress` beside the tools that make the same format.

Everything lies in memory before it is measured, and the archive is written there, in every case by a process of its
own; what is told of it is the time, the size of the archive and the most memory. Of Rota the whole body of the actor
runs (`python -m bench.rota_itself.archiving ROOT TARGET FORMAT`), from the looking through of the folders to the
publication, without the start of the interpreter: a worker is there already. Rounds are interleaved.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from actors.compress import CompressParams, compress
from actors.datasources.storage import Datasource
from actors.testing import RecordingRun
from bench.measurement import Measurement, median_of
from bench.rota_itself.archive_data import make_archive_data
from rota.archives import Format

ROTA = "rota"
Command = Callable[[Path], Sequence[str]]
"""Gives the command that packs the folder it runs in into a file."""

BYTES_PER_ENTRY = 500  # with a million entries 500 MB
MEMORY = Path("/dev/shm")  # the one place that is in memory nearly everywhere
_PATIENCE_SECONDS = 1_800
_LAUNCHER = """
import os, resource, subprocess, sys, time
before = time.monotonic()
subprocess.run(sys.argv[1:], check=True)
print(time.monotonic() - before, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
"""A process begins with the peak of the one that starts it, so that has to be a small one."""


class _Made(NamedTuple):
    seconds: float
    size: int
    peak: int


def measure_archiving(
    *, entries: int, rounds: int, what: str, format_: Format, tools: Mapping[str, Command]
) -> list[Measurement]:
    """Measure Rota and the tools that are installed on 500 bytes for each entry."""
    with tempfile.TemporaryDirectory(prefix="rota-bench-", dir=MEMORY if MEMORY.is_dir() else None) as folder:
        root, target = Path(folder) / "data", Path(folder) / "made" / f"archive.{format_}"
        size = make_archive_data(root, size=entries * BYTES_PER_ENTRY)
        commands = {ROTA: _rota(root, format_), **installed(tools)}
        rows: dict[str, list[Measurement]] = {name: [] for name in commands}
        for _ in range(rounds):
            for name, command in commands.items():
                target.parent.mkdir()
                made = _make(command(target), root, target)
                shutil.rmtree(target.parent)
                note = f"{made.seconds:.2f} s, {made.size / size:.2%} of the size, peak {made.peak / 1e6:.0f} MB"
                speed = size / 2**20 / made.seconds
                rows[name].append(Measurement(what=what, name=name, version="", per_second=speed, note=note))
        return [median_of(column) for column in rows.values()]


def _rota(root: Path, format_: Format) -> Command:
    return lambda target: [sys.executable, "-m", "bench.rota_itself.archiving", str(root), str(target), format_]


def installed(tools: Mapping[str, Command]) -> dict[str, Command]:
    """Give those tools that this machine has; the others are told."""
    found = {}
    for name, command in tools.items():
        program = command(Path())[0]
        if shutil.which(program) is None:
            print(f"{program} is not installed and is left out", flush=True)
        else:
            found[name] = command
    return found


def _make(command: Sequence[str], root: Path, target: Path) -> _Made:
    seconds, peak = run_alone(command, root)
    return _Made(seconds, target.stat().st_size, peak)


def run_alone(command: Sequence[str], folder: Path) -> tuple[float, int]:
    """Run a command in a folder, and give how many seconds it took and how many bytes of memory at most.

    What it prints itself is how long it took without its start.
    """
    done = subprocess.run(
        [sys.executable, "-c", _LAUNCHER, *command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
        stdout=subprocess.PIPE,
        check=True,
        timeout=_PATIENCE_SECONDS,
    )
    *told, whole, peak = done.stdout.split()
    return float(told[0] if told else whole), int(peak) * 1024


def pack(root: str, target: str, format_: str) -> float:
    """Pack a folder by the actor, and give how many seconds it took."""
    folder, name = os.path.split(target)
    run = RecordingRun(datasources=[Datasource(name="files", root=root), Datasource(name="made", root=folder)])
    params = {"paths": sorted(os.listdir(root)), "target": name, "target_datasource": "made", "format": format_}
    before = time.monotonic()
    compress(run, CompressParams.model_validate({"datasource": "files", **params}))
    return time.monotonic() - before


if __name__ == "__main__":
    print(pack(*sys.argv[1:]))
