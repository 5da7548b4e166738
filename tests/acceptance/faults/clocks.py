"""Wall clocks of single processes that a test moves while they run; nobody else's time changes."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

from tests.servers import missing_server

SOURCE = Path(__file__).with_name("wall_clock.c")
COMPILER = shutil.which("cc") or shutil.which("gcc")


def build(folder: Path) -> Path:
    """Compile the library that processes load, and return it; without a compiler the test is skipped, or fails in CI."""
    if COMPILER is None:
        missing_server("clocks are moved by a library in C: it needs a C compiler (cc)")
    library = folder / "wall_clock.so"
    command = [COMPILER, "-O2", "-shared", "-fPIC", "-o", str(library), str(SOURCE)]
    subprocess.run(command, check=True, timeout=60)
    return library


class WallClock:
    """The wall clock of processes that are started with its `environment`."""

    def __init__(self, library: Path, name: str) -> None:
        self.name = name
        self._file = library.with_name(f"{name}.clock")
        self._file.write_bytes(bytes(4096))
        self.environment = {"LD_PRELOAD": str(library), "WALL_CLOCK": str(self._file)}

    def set(self, seconds: float) -> None:
        """Let the clock be ahead of the true time by this much, from now on."""
        with self._file.open("r+b") as file:
            file.write(struct.pack("<q", int(seconds * 1_000_000_000)))
