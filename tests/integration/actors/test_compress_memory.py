"""The memory of a `compress` does not grow with what it packs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

MOST_MIB = 200
_MIB = 1024 * 1024


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "target").mkdir()
    folder = tmp_path / "source"
    (folder / "a").mkdir(parents=True)
    return folder


def made(source: Path, *, processors: int = 2, **params: Any) -> dict[str, Any]:
    given = {
        "source": str(source),
        "target": str(source.with_name("target")),
        "params": {"paths": ["a"], **params},
        "processors": processors,
    }
    out = subprocess.run(
        [sys.executable, "-m", "tests.integration.actors.compress_process", json.dumps(given)],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        check=True,
        timeout=120,
    ).stdout
    return json.loads(out)


@pytest.mark.parametrize("format_", ["zip", "tar.zst"])
def test_a_file_of_any_size_takes_little_memory(source: Path, format_: str) -> None:
    with (source / "a" / "large").open("wb") as file:
        for _ in range(75):
            file.write(os.urandom(_MIB) + bytes(3 * _MIB))

    done = made(source, format=format_)

    assert done["bytes_in"] == 300 * _MIB
    assert done["peak_mib"] < MOST_MIB


def test_very_many_entries_take_little_memory(source: Path) -> None:
    for folder in range(50):
        place = source / "a" / f"{folder}"
        place.mkdir()
        for number in range(1_000):
            # Hard links: as many entries, made in a fraction of the time.
            if not number:
                (place / "0").write_bytes(b"tiny")
            else:
                os.link(place / "0", place / f"{number}")

    done = made(source, manifest=True)

    assert done["entries"] == 50_051
    assert done["peak_mib"] < 100


@pytest.mark.parametrize(("format_", "most_mib"), [("tar.xz", MOST_MIB), ("7z", 250)])
def test_many_processors_take_hardly_more_memory_than_few(source: Path, format_: str, most_mib: int) -> None:
    for number in range(9):
        (source / "a" / f"{number}").write_bytes(b"".join(b"line %d of %d\n" % (n, number) for n in range(300_000)))

    assert made(source, processors=8, format=format_)["peak_mib"] < most_mib
