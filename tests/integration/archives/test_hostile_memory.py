"""The worst archives in a process of their own: the limits hold, and its memory stays small."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.archives.hostile_others import other_cases
from tests.archives.hostile_tar import tar_cases
from tests.archives.hostile_zip import flat_bomb, many_entries, zip_cases
from tests.archives.tar_bytes import END, pax, tar_member
from tests.integration.archives import reading_process

_MIB = 1024 * 1024
MOST_BYTES = 300 * _MIB
MANY = 150_000
"""More than the 100,000 entries that are allowed by default."""


def read(root: Path, *orders: tuple[str, str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Do something with archives in a process of its own; gives what became of each, by name."""
    told = [text for deed, name, params in orders for text in (deed, name, json.dumps(params))]
    done = subprocess.run(
        [sys.executable, "-m", reading_process.__name__, str(root), *told],
        capture_output=True, text=True, timeout=250, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return {line["name"]: line for line in map(json.loads, done.stdout.splitlines())}


def test_bombs_are_refused_in_little_memory(tmp_path: Path) -> None:
    cases = [case for case in (*zip_cases(), *tar_cases(), *other_cases()) if case.refused == "max_ratio"]
    for number, case in enumerate(cases):
        (tmp_path / f"{number}-{case.file}").write_bytes(case.data())

    told = read(tmp_path, *(("extract", f"{number}-{case.file}", {}) for number, case in enumerate(cases)))

    assert len(told) == len(cases) == 10
    for name, became in told.items():
        assert "max_ratio" in became.get("error", ""), became
        assert became["peak"] < MOST_BYTES, name
    assert {each.name for each in tmp_path.iterdir()} == set(told)


def test_what_is_large_and_allowed_is_read_in_little_memory(tmp_path: Path) -> None:
    (tmp_path / "zeros.zip").write_bytes(flat_bomb(512 * _MIB))

    told = read(tmp_path, ("extract", "zeros.zip", {"max_ratio": 2000}))["zeros.zip"]

    assert "zeros" in told["error"]  # its checksum is not told truly, which shows only when all of it was read
    assert "checksum" in told["error"]
    assert told["peak"] < MOST_BYTES


@pytest.mark.parametrize(("form", "deed"), [("zip", "list"), ("tar.gz", "test")])
def test_many_entries_are_refused_or_read_in_little_memory(tmp_path: Path, form: str, deed: str) -> None:
    name = f"many.{form}"
    (tmp_path / name).write_bytes(many_entries(MANY) if form == "zip" else many_pipes(MANY))

    refused = read(tmp_path, ("extract", name, {}))[name]
    allowed = read(tmp_path, (deed, name, {"max_entries": MANY}))[name]

    assert "more than 100,000 entries" in refused["error"]
    assert allowed["entries"] == MANY
    assert max(refused["peak"], allowed["peak"]) < MOST_BYTES
    assert [each.name for each in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("case", ["links", "records"])
def test_what_is_said_of_members_takes_little_memory(tmp_path: Path, case: str) -> None:
    data, deed, params = many_links(50_000) if case == "links" else many_global_records(30)
    (tmp_path / "said.tar.gz").write_bytes(data)

    told = read(tmp_path, (deed, "said.tar.gz", params))["said.tar.gz"]

    assert "error" not in told
    assert told["peak"] < MOST_BYTES


def many_links(count: int) -> tuple[bytes, str, Mapping[str, Any]]:
    """Give a tar.gz of links with names and targets as long as may be, which are to be kept, and how it is read."""
    deep = b"/".join([b"n" * 250] * 16)
    link = gzip.compress(tar_member(deep, kind=b"2", link=deep) * 1000, compresslevel=1, mtime=0)
    return link * (count // 1000) + gzip.compress(END), "extract", {"links": "keep"}


def many_global_records(count: int) -> tuple[bytes, str, Mapping[str, Any]]:
    """Give a tar.gz with much that is said of all files and means nothing, and how it is read."""
    zero = b"0" * 1000
    said = pax(b"1024 GNU.sparse.offset=%b\n1026 GNU.sparse.numbytes=%b\n" % (zero, zero) * 500, kind=b"g")
    part = gzip.compress(said * 16 + tar_member(b"pipe", kind=b"6"), compresslevel=1, mtime=0)
    return part * count + gzip.compress(END), "test", {}


def many_pipes(count: int) -> bytes:
    """Give a tar.gz of members that are left out and noted, which takes no time on the disk."""
    pipes = gzip.compress(tar_member(b"pipe", kind=b"6") * 1000, compresslevel=1, mtime=0)
    return pipes * (count // 1000) + gzip.compress(END)
