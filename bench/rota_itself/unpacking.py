"""Archives of real files are unpacked: the actor `extract` beside the tools that read the same format.

The archive is made by Rota and lies in memory, as does what comes out of it, into a new folder each time: a disk finds
places for files more slowly where many were just deleted. Each runs in a process of its own; of Rota the whole body of
the actor runs (`python -m bench.rota_itself.unpacking ARCHIVE FOLDER`), all checks included, without the start of the
interpreter: a worker is there already. Rounds are interleaved.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from actors.datasources.storage import Datasource
from actors.extract import ExtractParams, extract
from actors.testing import RecordingRun
from bench.measurement import Measurement, median_of
from bench.rota_itself.archive_data import make_archive_data
from bench.rota_itself.archiving import BYTES_PER_ENTRY, MEMORY, ROTA, Command, installed, pack, run_alone
from rota.archives import Format

UNZIP, TAR_GZ, TAR_ZST = "unzip", "tar -xzf", "tar --zstd -xf"
_TOOLS: dict[Format, dict[str, Command]] = {
    Format.ZIP: {
        UNZIP: lambda archive: ["unzip", "-q", str(archive)],
        "7z x": lambda archive: ["7z", "x", "-bso0", "-bsp0", str(archive)],
    },
    Format.TAR_GZ: {TAR_GZ: lambda archive: ["tar", "-xzf", str(archive)]},
    Format.TAR_ZST: {TAR_ZST: lambda archive: ["tar", "--zstd", "-xf", str(archive)]},
}


def measure_unpacking(*, entries: int, rounds: int, what: str, format_: Format) -> list[Measurement]:
    """Measure Rota and the tools that are installed on an archive with 500 bytes for each entry."""
    with tempfile.TemporaryDirectory(prefix="rota-bench-", dir=MEMORY if MEMORY.is_dir() else None) as folder:
        root, archive = Path(folder) / "data", Path(folder) / f"archive.{format_}"
        size = make_archive_data(root, size=entries * BYTES_PER_ENTRY)
        pack(str(root), str(archive), format_)
        shutil.rmtree(root)
        commands: dict[str, Command] = {ROTA: _rota, **installed(_TOOLS[format_])}
        rows: dict[str, list[Measurement]] = {name: [] for name in commands}
        for number in range(rounds):
            for name, command in commands.items():
                target = Path(folder) / f"{number}-{name}"
                target.mkdir()
                seconds, peak = run_alone(command(archive), target)
                shutil.rmtree(target)
                note = f"{seconds:.2f} s, peak {peak / 1e6:.0f} MB"
                speed = size / 2**20 / seconds
                rows[name].append(Measurement(what=what, name=name, version="", per_second=speed, note=note))
        return [median_of(column) for column in rows.values()]


measure_unzip = partial(measure_unpacking, format_=Format.ZIP)
measure_untar_gz = partial(measure_unpacking, format_=Format.TAR_GZ)
measure_untar_zst = partial(measure_unpacking, format_=Format.TAR_ZST)


def _rota(archive: Path) -> list[str]:
    return [sys.executable, "-m", "bench.rota_itself.unpacking", str(archive)]


def _unpack(archive: str) -> float:
    """Unpack an archive into a folder of the one we are in, and give how many seconds it took."""
    folder, name = os.path.split(archive)
    run = RecordingRun(
        datasources=[Datasource(name="archives", root=folder), Datasource(name="made", root=os.getcwd())]
    )
    params = ExtractParams(datasource="archives", path=name, target="made", target_datasource="made")
    before = time.monotonic()
    extract(run, params)
    return time.monotonic() - before


if __name__ == "__main__":
    print(_unpack(*sys.argv[1:]))
