"""Local datasources with bins, a real SQLite store, and runs of actors on both."""

from __future__ import annotations

import os
import sqlite3
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from actors.datasources.storage import Datasource
from actors.delete import DeleteParams, DeleteResult, delete
from actors.purge import PurgeParams, PurgeResult, purge
from actors.restore import RestoreParams, RestoreResult, restore
from actors.stored import StoredDatasources
from actors.testing import RecordingRun
from rota.errors import RotaError
from rota.ids import new_id
from store.engine import Store
from store.queries import datasources
from store.records import DatasourceRecord

DAY_MS = 86_400_000
FILES = "files"
OTHER = "other"


class StoredRun(RecordingRun):
    """A run on what is stored, which is read anew for each; its checkpoints outlive it where a file is given."""

    def __init__(self, store: Store, **options: Any) -> None:
        super().__init__(task=options.pop("task", None) or new_id(), **options)
        self.id = new_id()
        self.person = "ann"
        self._stored = StoredDatasources(store, run=self.id, task=self.task)

    def datasources(self) -> Sequence[str]:
        return self._stored.names()

    def datasource(self, name: str) -> Datasource:
        return self._stored.datasource(name)

    def catalog(self, name: str) -> Any:
        return self._stored.catalog(name)

    def bin(self, name: str) -> Any:
        return self._stored.bin(name)

    def history(self) -> Any:
        return self._stored.history()


class Binned:
    """What is in a store and in the folders of its datasources, as a test changes and sees it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.store = Store(url)
        self._roots: dict[str, Path] = {}
        self._file = url.removeprefix("sqlite:///")

    def define(self, name: str, root: Path, **rules: Any) -> None:
        """Define a datasource, or change it; its folder is made if it isn't there."""
        root.mkdir(parents=True, exist_ok=True)
        self._roots[name] = root
        with self.store.writing() as conn:
            datasources.save(conn, DatasourceRecord(name=name, kind="local", root=str(root), rules=rules), at=0)

    def run(self, **options: Any) -> StoredRun:
        """Make a run."""
        return StoredRun(self.store, **options)

    def delete(self, *paths: str, name: str = FILES, person: str = "ann") -> DeleteResult:
        """Delete paths into the bin."""
        run = self.run()
        run.person = person
        return delete(run, DeleteParams(datasource=name, paths=paths))

    def try_delete(self, *paths: str) -> None:
        """Delete paths into the bin, as far as that is possible."""
        with suppress(RotaError, OSError):
            self.delete(*paths)

    def purge(self, name: str = FILES, **params: Any) -> PurgeResult:
        """Purge what is older than the rules say, however much that is."""
        return purge(self.run(), PurgeParams(datasource=name, **{"confirmed": 1_000_000, **params}))

    def purge_everything(self, name: str = FILES) -> PurgeResult:
        """Purge all that is in a bin, as if it had been there for long."""
        self.age(400, name)
        return self.purge(name)

    def try_purge(self, **params: Any) -> Counter[str]:
        """Purge as far as that is possible, and count what was removed and what stayed."""
        try:
            done = self.purge(**params)
        except (RotaError, OSError) as error:
            return Counter({type(error).__name__: 1})
        return Counter({"removed": done.removed, **done.kept})

    def restore(self, *items: str, name: str = FILES, **params: Any) -> RestoreResult:
        """Restore items by their ids."""
        return restore(self.run(), RestoreParams(datasource=name, items=items, **params))

    def try_restore(self, name: str, **params: Any) -> str:
        """Restore the item of this name as far as that is possible, and tell what prevented it."""
        found = [os.fsdecode(record["bin_path"]).split("/") for record in self.records()]
        (item,) = [folder for folder, *rest in found if rest == [name]]
        try:
            done = self.restore(item, **params)
        except (RotaError, OSError) as error:
            return str(error)
        return "".join(kept.why for kept in done.kept)

    def records(self, name: str = FILES) -> list[Mapping[str, Any]]:
        """Everything the store says of what is in a bin, the oldest first."""
        with closing(sqlite3.connect(self._file)) as conn:
            conn.row_factory = sqlite3.Row
            query = "SELECT * FROM recycled WHERE datasource = ? ORDER BY deleted_at, id"
            return [dict(row) for row in conn.execute(query, [name])]

    def is_empty(self, name: str = FILES) -> bool:
        """Whether nothing lies in a bin or in its tomb, and nothing is said of anything in it."""
        private = self._roots[name] / ".rota"
        known = [record["bin_path"] for record in self.records(name)]
        there = [str(path) for folder in ("bin", "tomb") for path in (private / folder).glob("*")]
        assert known == there == [], f"the store knows of {known}, there is {there}"
        return True

    def doctor(self, statement: str, *values: Any) -> int:
        """Change the store behind everybody's back, and tell how many rows were changed."""
        with closing(sqlite3.connect(self._file)) as conn, conn:
            return conn.execute(statement, values).rowcount

    def age(self, days: float, name: str = FILES, *, folder: str = "") -> None:
        """Let everything in a bin, or what was deleted in a folder, have been deleted so many days ago at least."""
        then = time.time_ns() // 1_000_000 - int(days * DAY_MS)
        statement = "UPDATE recycled SET deleted_at = min(deleted_at, ?) WHERE datasource = ? AND original_path >= ?"
        self.doctor(statement + " AND original_path < ?", then, name, folder.encode(), folder.encode() + b"\xff" * 9)

    def record(
        self, bin_path: bytes, original_path: bytes = b"lost", *, kind: str = "folder", name: str = FILES
    ) -> None:
        """Add a record that no deletion made; nothing is said of what the item looks like."""
        then = time.time_ns() // 1_000_000 - 400 * DAY_MS
        columns = "datasource, bin_path, original_path, kind, items, bytes, deleted_at"
        statement = f"INSERT INTO recycled ({columns}) VALUES (?, ?, ?, ?, 1, 1, ?)"
        self.doctor(statement, name, bin_path, original_path, kind, then)

    def close(self) -> None:
        """Let go of the store."""
        self.store.close()
