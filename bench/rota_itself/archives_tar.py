"""Compressed tar archives of real files, beside `tar` with the tools that compress on all cores, at the same levels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from bench.measurement import Measurement
from bench.rota_itself.archiving import measure_archiving
from rota.archives import Format

PIGZ = "tar -I 'pigz -6 -p2'"
ZSTD = "tar -I 'zstd -3 -T0'"
XZ = "tar -I 'xz -1 -T2'"
_XZ_SHARE = 5
"""It takes that much longer, for everybody."""


def measure_tar_gz(*, entries: int, rounds: int, what: str) -> list[Measurement]:
    """Measure tar.gz archives of 500 bytes for each entry."""
    return _measured(Format.TAR_GZ, PIGZ, _with("pigz -6 -p2"), entries=entries, rounds=rounds, what=what)


def measure_tar_zst(*, entries: int, rounds: int, what: str) -> list[Measurement]:
    """Measure tar.zst archives of 500 bytes for each entry."""
    return _measured(Format.TAR_ZST, ZSTD, _with("zstd -q -3 -T0"), entries=entries, rounds=rounds, what=what)


def measure_tar_xz(*, entries: int, rounds: int, what: str) -> list[Measurement]:
    """Measure tar.xz archives of 100 bytes for each entry."""
    entries //= _XZ_SHARE
    return _measured(Format.TAR_XZ, XZ, _with("xz -1 -T2"), entries=entries, rounds=rounds, what=what)


def _measured(
    format_: Format, name: str, command: Callable[[Path], Sequence[str]], *, entries: int, rounds: int, what: str
) -> list[Measurement]:
    return measure_archiving(entries=entries, rounds=rounds, what=what, format_=format_, tools={name: command})


def _with(program: str) -> Callable[[Path], Sequence[str]]:
    return lambda target: ["tar", "-I", program, "-cf", str(target), "."]
