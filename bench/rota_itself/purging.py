"""A purge of a full bin beside what deletes folders elsewhere: in memory, where the processor counts, and on disk.

The bin holds items of one shape: folders with a thousand files each, or single files. `find -delete` and `rm -rf` are
handed the folder of the bin and check nothing; Rota compares each item with what is known of it, moves it into the
tomb, counts what it deletes, and removes what lies beside it. Every round makes a new bin for each of them, and what is
on disk is synced first. Rounds are interleaved.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from actors.datasources.abilities import Doomed
from actors.datasources.burying import bury
from actors.datasources.graves import Fate
from actors.datasources.opening import open_storage
from actors.datasources.storage import Datasource, Row
from bench.measurement import Measurement, median_of

FIND = "find -delete"
RM = "rm -rf"
_ROTA = "rota"
_MEMORY = Path("/dev/shm")  # the one place that is in memory nearly everywhere
_ITEM_FILES = 1_000
_CONTENT = b"x" * 1024  # an empty file has no block to be freed, which is most of the work on a disk
_DISK_SHARE = 5  # a disk takes several times as long, for everybody
_PATIENCE_SECONDS = 1_800


class _Shape(NamedTuple):
    """What items of a bin are made of."""

    items: int
    files: int
    """In each, in a folder; 0 for items that are files."""


def measure_purging(*, entries: int, rounds: int, what: str, in_memory: bool, of_folders: bool) -> list[Measurement]:
    """Measure all on bins of so many files, a fifth of that on disk."""
    parent = _MEMORY if in_memory and _MEMORY.is_dir() else None
    entries = entries if in_memory else entries // _DISK_SHARE
    shape = _Shape(max(1, entries // _ITEM_FILES), _ITEM_FILES) if of_folders else _Shape(entries, 0)
    contenders: dict[str, Callable[[Path, list[Doomed]], None]] = {
        _ROTA: _bury,
        FIND: lambda root, _items: _command("find", str(root / ".rota/bin"), "-delete"),
        RM: lambda root, _items: _command("rm", "-rf", str(root / ".rota/bin")),
    }
    rows: dict[str, list[Measurement]] = {name: [] for name in contenders}
    with tempfile.TemporaryDirectory(prefix="rota-bench-", dir=parent) as folder:
        for _ in range(rounds):
            for name, purge in contenders.items():
                root = Path(folder) / "root"
                items = _fill(root, shape)
                os.sync()
                before = time.monotonic()
                purge(root, items)
                seconds = time.monotonic() - before
                shutil.rmtree(root)
                files = shape.items * max(shape.files, 1)
                note = f"{seconds:.2f} s for {shape.items:,} items"
                row = Measurement(what=what, name=name, version="", per_second=files / seconds, note=note)
                rows[name].append(row)
    return [median_of(column) for column in rows.values()]


def _fill(root: Path, shape: _Shape) -> list[Doomed]:
    """Make a bin, and tell what its items look like."""
    (root / ".rota/bin").mkdir(parents=True)
    bin_ = os.open(root / ".rota/bin", os.O_RDONLY | os.O_DIRECTORY)
    try:
        return [_item(bin_, f"{number:08}", shape.files) for number in range(shape.items)]
    finally:
        os.close(bin_)


def _item(bin_: int, name: str, files: int) -> Doomed:
    os.mkdir(name, dir_fd=bin_)
    folder = os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=bin_)
    try:
        _make(bin_, f"{name}.trashinfo")
        if files:
            os.mkdir("thing", dir_fd=folder)
            thing = os.open("thing", os.O_RDONLY | os.O_DIRECTORY, dir_fd=folder)
            for file in _names(files):
                _make(thing, file)
            os.close(thing)
        else:
            _make(folder, "thing")
        found = os.stat("thing", dir_fd=folder)
    finally:
        os.close(folder)
    row = Row(b"thing", "folder" if files else "file", 0, found.st_mtime_ns, found.st_ino, found.st_dev)
    return Doomed(f"{name}/thing".encode(), row, max(files, 1) * len(_CONTENT))


def _names(count: int) -> Iterator[str]:
    return (f"document-{number:04}.txt" for number in range(count))


def _make(folder: int, name: str) -> None:
    descriptor = os.open(name, os.O_CREAT | os.O_WRONLY, 0o644, dir_fd=folder)
    os.write(descriptor, _CONTENT)
    os.close(descriptor)


def _bury(root: Path, items: list[Doomed]) -> None:
    with closing(open_storage(Datasource(name="files", root=str(root), whole=True))) as storage:
        fates = {ended.fate for ended in bury(storage, items)}
    if fates != {Fate.GONE}:
        raise RuntimeError(f"not everything is gone: {fates}")


def _command(*command: str) -> None:
    subprocess.run(command, check=True, timeout=_PATIENCE_SECONDS)
