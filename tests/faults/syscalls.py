"""System calls of single processes that fail as a test says: the n-th that changes something beneath one folder."""

from __future__ import annotations

import errno
import mmap
import shutil
import struct
import subprocess
from pathlib import Path
from typing import NamedTuple

from tests.servers import missing_server

SOURCE = Path(__file__).with_name("syscalls.c")
COMPILER = shutil.which("cc") or shutil.which("gcc")
FAULTS = {"EIO": errno.EIO, "ENOSPC": errno.ENOSPC, "kill": -1}
_HEAD = struct.Struct("<qqii64s928s1024s")


def build(folder: Path) -> Path:
    """Compile the library that processes load, and return it; without a compiler the test is skipped, or fails in CI."""
    if COMPILER is None:
        missing_server("system calls fail by a library in C: it needs a C compiler (cc)")
    library = folder / "syscalls.so"
    command = [COMPILER, "-O2", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"]
    subprocess.run(command, check=True, timeout=60)
    return library


class Hit(NamedTuple):
    """What became of a plan."""

    calls: int
    """Calls that were made in all."""
    hit: bool
    call: str
    """The one that was hit."""
    place: str

    def __str__(self) -> str:
        return f"{self.call} {self.place}" if self.hit else f"none of {self.calls} calls"


class Plan:
    """Which call of the processes that are started with its `environment` fails, and how."""

    def __init__(self, library: Path) -> None:
        file = library.with_name("syscalls.plan")
        file.write_bytes(bytes(4096))
        self.environment = {"LD_PRELOAD": str(library), "FAULTS": str(file)}
        with file.open("r+b") as opened:
            self._page = mmap.mmap(opened.fileno(), 4096)

    def arm(self, beneath: Path, at: int, fault: str) -> None:
        """Let the call number `at` beneath a folder fail, counted from now on; with 0 they are only counted."""
        place = str(beneath).encode()
        assert len(place) < 1024
        self._page[: _HEAD.size] = _HEAD.pack(0, at, FAULTS[fault], 0, b"", b"", place)

    def disarm(self) -> Hit:
        """Let nothing fail any more, and tell what did."""
        calls, _, _, hit, call, place, _ = _HEAD.unpack(self._page[: _HEAD.size])
        self._page[: _HEAD.size] = bytes(_HEAD.size)
        return Hit(calls, bool(hit), _text(call), _text(place))

    def close(self) -> None:
        """Let go of the plan."""
        self._page.close()


def _text(field: bytes) -> str:
    return field.split(b"\0")[0].decode("utf-8", "replace")
