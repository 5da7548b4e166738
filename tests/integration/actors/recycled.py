"""A datasource with a bin, and runs of `delete`, `restore` and `purge` on it."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from actors.bin_records import BinRecords, Item
from actors.catalog import Catalog
from actors.datasources.storage import Datasource
from actors.delete import DeleteParams, DeleteResult, delete
from actors.purge import PurgeParams, PurgeResult, purge
from actors.restore import RestoreParams, RestoreResult, restore
from actors.testing import RecordingRun
from actors.testing_bin import MemoryBin
from rota.datasources import Rules
from rota.ids import new_id

DAY_MS = 86_400_000


class RecycledRun(RecordingRun):
    """A run whose id tells when it was made, as those of workers do."""

    def __init__(self, bins: Recycling, **options: Any) -> None:
        given = {"id": new_id(), "task": new_id()} | options
        super().__init__(datasources=[bins.datasource], bins=lambda _: bins.records_of(self), **given)

    def catalog(self, name: str) -> Catalog:
        raise AssertionError("bins are no part of the catalog")


class Recycling:
    """A datasource under test; each call is a run of its own, which is `run` afterwards."""

    def __init__(self, datasource: Datasource, *, person: str | None = "anna") -> None:
        self.datasource = datasource
        self.person = person
        self.memory = MemoryBin()
        self.run = self.new_run()

    @property
    def root(self) -> Path:
        return Path(self.datasource.root)

    @property
    def bin(self) -> Path:
        return self.root / ".rota" / "bin"

    def use(self, **rules: Any) -> None:
        """Give the bin these rules."""
        object.__setattr__(self.datasource, "rules", Rules(**{**self.datasource.rules.model_dump(), "bin": rules}))

    def new_run(self, **options: Any) -> RecycledRun:
        run = RecycledRun(self, **options)
        run.person = self.person
        return run

    def again(self) -> RecycledRun:
        """Give the next attempt of the last run's task."""
        checkpoints = self.run.checkpoints
        state = checkpoints[-1] if checkpoints else None
        return self.new_run(id=self.run.id, task=self.run.task, attempt=self.run.attempt + 1, state=state)

    def records_of(self, run: RecordingRun) -> BinRecords:
        return MemoryBin(self.memory, run=run.id, task=run.task)

    def delete(self, *paths: str, run: RecycledRun | None = None, **params: Any) -> DeleteResult:
        self.run = run or self.new_run()
        return delete(self.run, DeleteParams(datasource=self.datasource.name, paths=paths, **params))

    def restore(self, *paths: str, run: RecycledRun | None = None, **params: Any) -> RestoreResult:
        self.run = run or self.new_run()
        return restore(self.run, RestoreParams(datasource=self.datasource.name, paths=paths, **params))

    def purge(self, run: RecycledRun | None = None, **params: Any) -> PurgeResult:
        self.run = run or self.new_run()
        return purge(self.run, PurgeParams(datasource=self.datasource.name, **params))

    def items(self) -> list[Item]:
        """Give all records, in the order in which they were made."""
        return self.memory.find(range(1, 100_000))

    def originals(self) -> list[bytes]:
        """Give where all items were, as the records say, sorted."""
        return sorted(item.recycled.original_path for item in self.items())

    def item(self, path: str) -> Item:
        """Give the record of what was deleted last at a path."""
        return self.memory.deleted_from([path.encode()])[path.encode()]

    def id_of(self, path: str) -> str:
        return self.item(path).recycled.bin_path.partition(b"/")[0].decode()

    def place_of(self, path: str) -> Path:
        """Give where the item that was at a path lies in a local bin."""
        return self.bin / os.fsdecode(self.item(path).recycled.bin_path)

    def age(self, path: str, days: float) -> None:
        """Let an item have been deleted so long ago."""
        self.change(path, deleted_at=int(time.time() * 1000 - days * DAY_MS))

    def change(self, path: str, **fields: Any) -> None:
        """Change what a record says."""
        item = self.item(path)
        self.memory.add([item.recycled._replace(**fields)])

    def said(self, level: str) -> list[str]:
        """Give what the last run logged."""
        return [message for each, message in self.run.log.lines if each == level]

    def changed(self) -> list[list[str]]:
        """Give the paths of the last run's events about a changed storage."""
        return [event.data["paths"] for event in self.run.events if event.type == "storage.changed"]

    def in_bin(self) -> list[str]:
        """Give everything in a local bin but the information, by names below the items' own folders."""
        paths = self.bin.rglob("*") if self.bin.exists() else ()
        return sorted("/".join(path.relative_to(self.bin).parts[1:]) for path in paths if path.parent != self.bin)

    def left_over(self) -> list[str]:
        """Give what lies in Rota's own folder although nothing is in the bin: places, information, tombs."""
        rota = self.root / ".rota"
        return sorted(
            str(path.relative_to(rota)) for path in rota.rglob("*") if path not in {rota / "bin", rota / "tomb"}
        )


class Clock:
    """Stands for the module `time`: a clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def visible(root: Path) -> dict[str, bytes | None]:
    """Give the content of everything below a folder but Rota's own; None for folders, the target for links."""
    return {str(path.relative_to(root)): _content(path) for path in root.rglob("*") if ".rota" not in path.parts}


def _content(path: Path) -> bytes | None:
    if path.is_symlink():
        return os.readlink(os.fsencode(path))
    return None if path.is_dir() else path.read_bytes()
