"""A folder, its catalog in every form, and runs of `sync` on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from actors.catalog import Catalog, Changes
from actors.datasources.storage import Datasource
from actors.stored import StoredDatasources
from actors.sync import SyncParams, SyncResult, sync
from actors.testing import MemoryCatalog, RecordingRun
from store.engine import Store
from store.queries import datasources
from store.records import DatasourceRecord
from store.search.tantivy.engine import TantivyEngine
from tests.integration.actors.indexed import Indexed
from tests.trees import Link, Seen, catalogued, make_tree, walked

TREE = {
    "a": {"x": b"1", "y": b"22", "deep": {"z": b"333"}},
    "b": {},
    "file": b"4444",
    "link": Link("/etc"),
    b"\xff\n": b"odd",
}


class WatchedCatalog:
    """A catalog that tells what is asked of it, and may be killed while it writes."""

    def __init__(self, catalog: Catalog, *, die_at: int = 0, committed: bool = False) -> None:
        self._catalog = catalog
        self._die_at = die_at
        self._committed = committed
        self.applied: list[Changes] = []
        self.read: list[bytes] = []
        self.holds = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._catalog, name)

    def hold(self, task):
        self.holds += 1
        return self._catalog.hold(task)

    def rows(self, folders):
        self.read += [folder.path for folder in folders]
        return self._catalog.rows(folders)

    def apply(self, changes, *, before_commit):
        self.applied.append(changes)
        dies = len(self.applied) == self._die_at

        def announce():
            before_commit()
            if dies and not self._committed:
                raise Killed

        self._catalog.apply(changes, before_commit=announce)
        if dies:
            raise Killed


class Killed(BaseException):
    """Stands for a process that is gone."""


class Synced:
    """A datasource under test: change the folder at `root`, then `sync` it."""

    def __init__(
        self,
        datasource: Datasource,
        open_catalog: Callable[[], Catalog],
        last_sync: Callable[[], dict[str, Any] | None] = lambda: None,
    ) -> None:
        self.datasource = datasource
        self.last_sync = last_sync
        self.root = Path(datasource.root)
        self.open_catalog = open_catalog
        self.run = self.new_run()

    def new_run(self, state: Any = None, *, catalog: Any = None) -> RecordingRun:
        return RecordingRun(
            state=state, datasources=[self.datasource], catalogs=lambda name: catalog or self.open_catalog()
        )

    def watched(self, **options: Any) -> WatchedCatalog:
        return WatchedCatalog(self.open_catalog(), **options)

    def sync(self, run: RecordingRun | None = None, **params: Any) -> SyncResult:
        """Sync in a new run, which is `self.run` afterwards."""
        self.run = run or self.new_run()
        return sync(self.run, SyncParams(datasource=self.datasource.name, **params))

    def changes(self, run: RecordingRun | None = None, **params: Any) -> dict[str, int]:
        """Sync and give the changes that were counted, without zeros."""
        found = self.sync(run, **params)
        counts = found.model_dump(include={"created", "updated", "moved", "deleted"})
        return {name: count for name, count in counts.items() if count}

    def known(self) -> dict[bytes, Seen]:
        return catalogued(self.open_catalog())

    def is_exact(self) -> bool:
        """Whether the catalog equals an independent walk, and counts what it has."""
        known, there = self.known(), walked(self.root)
        assert known == there
        totals = self.open_catalog().totals()
        assert totals == (len(there), sum(seen.size for seen in there.values() if seen.kind == "file"))
        return True


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> Iterator[Store | None]:
    """A store of each kind, or None for catalogs in memory."""
    if request.param == "memory":
        yield None
        return
    opened = Store(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url"))
    yield opened
    opened.close()


@pytest.fixture
def make_synced(tmp_path: Path, store: Store | None) -> Callable[[], Synced]:
    """Makes datasources, each with an empty folder and an empty catalog of its own."""
    made: list[Synced] = []

    def make() -> Synced:
        name = "files" if not made else f"files{len(made)}"
        folder = tmp_path / name
        folder.mkdir()
        open_catalog = _catalog_of(store, name, folder)
        made.append(
            Synced(
                Datasource(name=name, root=str(folder)), open_catalog, lambda: _last_sync(store, name, open_catalog())
            )
        )
        return made[-1]

    return make


@pytest.fixture
def synced(make_synced: Callable[[], Synced]) -> Synced:
    """A datasource with an empty folder and an empty catalog."""
    return make_synced()


@pytest.fixture
def filled(synced):
    """The datasource with a tree in it, synced once."""
    make_tree(synced.root, TREE)
    synced.sync()
    return synced


@pytest.fixture
def indexed(sqlite_url: str, tmp_path: Path) -> Iterator[Indexed]:
    """An empty datasource with a real store, a real search engine and real reading processes."""
    opened = Store(sqlite_url)
    engine = TantivyEngine(tmp_path / "search")
    yield Indexed(opened, engine, tmp_path / "files")
    engine.close()
    opened.close()


@pytest.fixture
def small_batches(monkeypatch):
    """Transactions of few rows, and folders that are taken for huge ones and compared in slices."""
    limits = ("writer.BATCH", "reconcile._CHUNK_ROWS", "sweeping._CHUNK_ROWS")
    for place in (*(f"actors.syncing.{limit}" for limit in limits), "actors.stored._CHUNK_ROWS"):
        monkeypatch.setattr(place, 7)
    return 7


def _catalog_of(store: Store | None, name: str, root: Path) -> Callable[[], Catalog]:
    if store is None:
        catalog = MemoryCatalog()
        return lambda: MemoryCatalog(catalog)
    with store.writing() as conn:
        datasources.save(conn, DatasourceRecord(name=name, kind="local", root=str(root)), at=0)
    return lambda: StoredDatasources(store, run="run", task="task").catalog(name)


def _last_sync(store: Store | None, name: str, catalog: Any) -> dict[str, Any] | None:
    if store is None:
        return catalog.syncs[-1]
    with store.reading() as conn:
        return datasources.get(conn, name).last_sync
