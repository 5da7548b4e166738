"""A folder with its catalog and its search index: change it, sync it, index it, and look at what is found."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from actors.check_index import CheckIndexParams, CheckIndexResult, check_index
from actors.datasources.storage import Datasource
from actors.index import IndexParams, IndexResult, index
from actors.search_index import Unread
from actors.stored import StoredDatasources
from actors.stored_index import StoredIndex
from actors.sync import SyncParams, SyncResult, sync
from actors.testing import RecordingRun
from rota.search.query import Node, Phrase, Query, Word
from store.engine import Store
from store.queries import datasources, indexes, stale
from store.records import DatasourceRecord, IndexRecord
from store.search.engine import Engine, Hit
from tests.trees import Seen, Tree, catalogued, make_tree, walked

NAME = "files"
Found = tuple[str, int, int]
"""Kind, size and time of a document."""


class Indexed:
    """A datasource under test."""

    def __init__(self, store: Store, engine: Engine, root: Path, **rules: Any) -> None:
        self.store = store
        self.engine = engine
        self.root = root
        root.mkdir(exist_ok=True)
        self.rule(**rules)
        self.run = self.new_run()

    def rule(self, **rules: Any) -> None:
        """Define the datasource with these rules."""
        with self.store.writing() as conn:
            record = DatasourceRecord(name=NAME, kind="local", root=str(self.root), rules=rules)
            datasources.save(conn, record, at=0)

    def new_run(self, state: Any = None, **options: Any) -> RecordingRun:
        """Make a run on what is stored."""
        return StoredRun(self.store, self.engine, state=state, **options)

    def write(self, tree: Tree) -> None:
        """Make entries."""
        make_tree(self.root, tree)

    def sync(self, **params: Any) -> SyncResult:
        """Bring the catalog to what is in the folder."""
        return sync(self.new_run(), SyncParams(datasource=NAME, allow_deletions=True, **params))

    def index(self, run: RecordingRun | None = None, **params: Any) -> IndexResult:
        """Index in a new run, which is `self.run` afterwards."""
        self.run = run or self.new_run()
        return index(self.run, IndexParams(datasource=NAME, **params))

    def check(self, **params: Any) -> CheckIndexResult:
        """Check in a new run, which is `self.run` afterwards."""
        self.run = self.new_run()
        return check_index(self.run, CheckIndexParams(datasource=NAME, **params))

    def follow(self, tree: Tree | None = None, **params: Any) -> IndexResult:
        """Make entries, sync and index."""
        if tree is not None:
            self.write(tree)
        self.sync()
        return self.index(**params)

    # --- what there is ---------------------------------------------------------------------------------------

    def record(self) -> IndexRecord:
        """What is remembered of the index."""
        with self.store.writing() as conn:
            return indexes.ensure(conn, NAME)

    def stale(self) -> set[bytes]:
        """Folders that changed since they were indexed."""
        with self.store.reading() as conn:
            return {each.path for each in stale.next_stale(conn, NAME, limit=500)}

    def unread(self) -> dict[str, str]:
        """Why files gave no text, by path."""
        found: Iterator[Unread] = StoredIndex(self.store, lambda: self.engine, NAME, run="test").unread()
        return {each.path.decode(): each.reason for each in found}

    def known(self) -> dict[bytes, Seen]:
        """What the catalog has."""
        return catalogued(StoredDatasources(self.store, run="test", task="task").catalog(NAME))

    def hits(self, root: Node | None, *, limit: int = 500) -> Iterator[Hit]:
        """Everything that is found, page by page."""
        searched = self.record().searched
        assert searched is not None
        after = None
        while True:
            found = self.engine.search(Query("", root), [searched], limit=limit, after=after, seconds=30)
            yield from found.hits
            if len(found.hits) < limit:
                return
            after = found.hits[-1].position

    def find(self, text: str, **options: Any) -> set[str]:
        """The paths at which words are found, which follow each other if there are several."""
        words = tuple(text.split())
        node = Word(text, **options) if len(words) == 1 else Phrase(words)
        return {hit.path.decode("utf-8", "replace") for hit in self.hits(node)}

    def documents(self) -> dict[bytes, Found]:
        """All documents by path; there is none twice."""
        found: dict[bytes, Found] = {}
        for hit in self.hits(None):
            assert hit.path not in found, hit.path
            found[hit.path] = (hit.kind, hit.size, hit.modified_ns)
        return found

    def is_exact(self) -> bool:
        """Whether the index equals an independent walk, which the catalog was synced to."""
        there = {path: (str(seen.kind), seen.size, seen.modified_ns) for path, seen in walked(self.root).items()}
        known = {path: (str(seen.kind), seen.size, seen.modified_ns) for path, seen in self.known().items()}
        assert known == there, sorted(known.items() ^ there.items())
        found = self.documents()
        assert found == known, (sorted(found.items() - known.items()), sorted(known.items() - found.items()))
        assert self.stale() == set()
        return True


class StoredRun(RecordingRun):
    """A run on what is stored, which is read anew for each."""

    def __init__(self, store: Store, engine: Engine, **options: Any) -> None:
        super().__init__(**options)
        self._stored = StoredDatasources(store, run=self.id, task=self.task, engine=lambda: engine)

    def datasource(self, name: str) -> Datasource:
        return self._stored.datasource(name)

    def catalog(self, name: str) -> Any:
        return self._stored.catalog(name)

    def index(self, name: str) -> Any:
        return self._stored.index(name)


class Opened:
    """Counts the files that are opened, by path."""

    def __init__(self, monkeypatch: Any) -> None:
        from actors.datasources.local.storage import LocalStorage

        self.paths: list[str] = []
        real = LocalStorage.open_file

        def open_file(storage: Any, path: bytes) -> Any:
            self.paths.append(path.decode("utf-8", "replace"))
            return real(storage, path)

        monkeypatch.setattr(LocalStorage, "open_file", open_file)

    @contextlib.contextmanager
    def counted(self) -> Iterator[list[str]]:
        """Give what is opened in the block."""
        self.paths.clear()
        yield self.paths
