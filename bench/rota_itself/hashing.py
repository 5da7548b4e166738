"""Checksums of one large file and of many small ones: the actor `hash` beside the tools that print the same lines.

Everything lies in memory before it is measured. The actor's whole body runs, the manifest it writes included, in a
process of its own (`python -m bench.rota_itself.hashing ROOT ALGORITHM`) that tells how long it took, without the start
of the interpreter. The tools write to nowhere. Rounds are interleaved.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from actors.datasources.storage import Datasource
from actors.hash import HashParams, hash_entries
from actors.testing import RecordingRun
from bench.measurement import Measurement, median_of
from bench.rota_itself.local_scan import FOLDER_FILES

LARGE = "sha256sum, large"
_LARGE_BYTES_PER_ENTRY = 2148  # with a million entries a file of 2 GiB
_SMALL_BYTES = 4096
_ENTRIES_PER_SMALL = 20
_PIECE_BYTES = 1 << 20
_PATIENCE_SECONDS = 600


def measure_hashing(*, entries: int, rounds: int, what: str) -> list[Measurement]:
    """Measure a file of 2,148 bytes for each entry, and a file of 4 KiB for every 20."""
    with tempfile.TemporaryDirectory(prefix="rota-bench-") as folder:
        large, small = Path(folder) / "large", Path(folder) / "small"
        sizes = {"large": _make_large(large, entries * _LARGE_BYTES_PER_ENTRY)}
        sizes["small"] = _make_small(small, entries // _ENTRIES_PER_SMALL)
        contenders = [(name, kind, run) for kind in sizes for name, run in _contenders(Path(folder) / kind)]
        passes = [
            [_measured(f"{name}, {kind}", run, sizes[kind], what) for name, kind, run in contenders]
            for _ in range(rounds)
        ]
        return [median_of(column) for column in zip(*passes, strict=True)]


def _make_large(folder: Path, size: int) -> int:
    folder.mkdir()
    with (folder / "file").open("wb") as file:
        for start in range(0, size, _PIECE_BYTES):
            file.write(os.urandom(min(_PIECE_BYTES, size - start)))
    return size


def _make_small(folder: Path, files: int) -> int:
    for number in range(files):
        path = folder / f"folder-{number // FOLDER_FILES:05}" / f"file-{number % FOLDER_FILES:03}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(_SMALL_BYTES))
    return files * _SMALL_BYTES


def _contenders(root: Path) -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
    for algorithm in ("sha256", "blake3", "xxh3-128"):
        yield f"rota, {algorithm}", partial(_rota, root, algorithm)
    commands = {
        "sha256sum": ["sha256sum"],
        "openssl dgst -sha256": ["openssl", "dgst", "-sha256"],
        "b3sum": ["b3sum"],
    }
    for name, command in commands.items():
        if shutil.which(command[0]) is None:
            print(f"{command[0]} is not installed and is left out", flush=True)
        else:
            yield name, partial(_tool, root, command)


def _rota(root: Path, algorithm: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.rota_itself.hashing", str(root), algorithm],
        stdout=subprocess.PIPE,
        check=True,
        timeout=_PATIENCE_SECONDS,
    )
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def _tool(root: Path, command: Sequence[str]) -> dict[str, Any]:
    before = time.monotonic()
    subprocess.run(
        ["find", str(root), "-type", "f", "-exec", *command, "{}", "+"],
        stdout=subprocess.DEVNULL,
        check=True,
        timeout=_PATIENCE_SECONDS,
    )
    return {"seconds": time.monotonic() - before}


def _measured(name: str, run: Callable[[], dict[str, Any]], size: int, what: str) -> Measurement:
    told = run()
    note = f"{told['seconds']:.2f} s"
    if "peak" in told:
        note += f", {told['files']:,} files, peak {told['peak'] / 1e6:.0f} MB"
    return Measurement(what=what, name=name, version="", per_second=size / 2**20 / told["seconds"], note=note)


def _hash(root: str, algorithm: str) -> dict[str, Any]:
    """Hash a folder, and say how long it took and how large the process became."""
    with tempfile.TemporaryDirectory(prefix="rota-bench-") as sums:
        folders = {"files": root, "sums": sums}
        run = RecordingRun(datasources=[Datasource(name=name, root=path) for name, path in folders.items()])
        params = {"algorithm": algorithm, "target": "SUMS", "target_datasource": "sums"}
        before = time.monotonic()
        result = hash_entries(run, HashParams.model_validate({"datasource": "files", **params}))
        seconds = time.monotonic() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"seconds": seconds, "files": result.files, "peak": peak}


if __name__ == "__main__":
    print(json.dumps(_hash(*sys.argv[1:])))
