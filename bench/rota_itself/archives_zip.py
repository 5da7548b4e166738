"""Zip archives of real files, beside `zip` and 7-Zip."""

from __future__ import annotations

from bench.measurement import Measurement
from bench.rota_itself.archiving import measure_archiving
from rota.archives import Format

ZIP = "zip -r"


def measure_zip(*, entries: int, rounds: int, what: str) -> list[Measurement]:
    """Measure zip archives of 500 bytes for each entry."""
    return measure_archiving(
        entries=entries,
        rounds=rounds,
        what=what,
        format_=Format.ZIP,
        tools={
            ZIP: lambda target: ["zip", "-r", "-q", str(target), "."],
            "7z a -tzip": lambda target: ["7z", "a", "-tzip", "-bso0", "-bsp0", str(target), "."],
        },
    )
