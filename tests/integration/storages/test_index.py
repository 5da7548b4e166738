"""Files of every kind of storage are found by what they contain."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from store.engine import Store
from store.queries import datasources
from store.records import DatasourceRecord
from store.search.tantivy.engine import TantivyEngine
from tests.integration.actors.indexed import NAME, Indexed
from tests.storages.served import Served

LARGE = b"a spade is a spade\n" * 20_000 + b"and the end of it"


@pytest.fixture
def indexed(served: Served, sqlite_url: str, tmp_path: Path) -> Iterator[Indexed]:
    """The storage with a catalog and an index."""
    store = Store(sqlite_url)
    engine = TantivyEngine(tmp_path / "search")
    yield _Served(store, engine, tmp_path / "unused", served)
    engine.close()
    store.close()


class _Served(Indexed):
    def __init__(self, store: Store, engine: TantivyEngine, root: Path, served: Served) -> None:
        self._served = served
        super().__init__(store, engine, root)

    def rule(self, **rules: object) -> None:
        source = self._served.datasource
        record = DatasourceRecord(
            name=NAME,
            kind=source.kind,
            root=source.root,
            options=dict(source.options),
            rules={**source.rules.model_dump(exclude_defaults=True), **rules},
        )
        with self.store.writing() as conn:
            datasources.save(conn, record, at=0)


def test_what_files_contain_is_found_and_follows_their_changes(indexed: Indexed, served: Served) -> None:
    for n in range(30):
        served.write(b"folder/%d.txt" % n, b"word%d" % n)
    served.write(b"large.txt", LARGE)
    first = indexed.follow()
    assert (first.read, first.errors) == (31, 0)
    assert indexed.find("word17") == {"folder/17.txt"}
    assert indexed.find("spade") == {"large.txt"}

    served.remove(b"folder/17.txt")
    served.write(b"folder/new.txt", b"novelties")
    served.rename(b"large.txt", b"folder/larger.txt")
    indexed.follow()

    assert indexed.find("word17") == set()
    assert indexed.find("novelties") == {"folder/new.txt"}
    assert indexed.find("spade") == {"folder/larger.txt"}
    assert set(indexed.documents()) == set(indexed.known())
    assert indexed.check().folders == 0
