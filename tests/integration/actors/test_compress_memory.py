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
        timeout=600,
    ).stdout
    return json.loads(out)


@pytest.mark.parametrize("format_", ["zip", "tar.zst"])
def test_a_file_of_any_size_takes_little_memory(source: Path, format_: str) -> None:
    with (source / "a" / "large").open("wb") as file:
        for number in range(75):
            file.seek(number * 4 * _MIB)
            file.write(os.urandom(_MIB // 4))
        file.truncate(300 * _MIB)

    done = made(source, format=format_)

    assert done["bytes_in"] == 300 * _MIB
    assert done["peak_mib"] < MOST_MIB


def test_very_many_entries_take_little_memory(source: Path) -> None:
    for folder in range(20):
        place = source / "a" / f"{folder}"
        place.mkdir()
        for number in range(1_000):
            # Hard links: as many entries, made in a fraction of the time.
            if not number:
                (place / "0").write_bytes(b"tiny")
            else:
                os.link(place / "0", place / f"{number}")

    done = made(source, manifest=True)

    assert done["entries"] == 20_021
    assert done["peak_mib"] < 64


@pytest.mark.parametrize(("format_", "most_mib"), [("tar.xz", MOST_MIB), ("7z", 250)])
def test_many_processors_take_hardly_more_memory_than_few(source: Path, format_: str, most_mib: int) -> None:
    # As much as all of them pack at once, and more, of what is packed in no time.
    for number in range(9):
        parts = (os.urandom(1_000) + bytes(31_000) for _ in range(96))
        (source / "a" / f"{number}").write_bytes(b"".join(parts))

    assert made(source, processors=8, format=format_)["peak_mib"] < most_mib
