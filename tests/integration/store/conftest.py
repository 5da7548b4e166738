"""The store under test, on both databases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from store.engine import Store
from store.queries import datasources
from store.records import DatasourceRecord
from tests.factories import NOW


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """A migrated and empty store."""
    store = Store(database_url)
    yield store
    store.close()


@pytest.fixture
def files(store: Store) -> Store:
    """A store with the datasources `files` and `other`."""
    with store.writing() as conn:
        for name in ("files", "other"):
            datasources.save(conn, DatasourceRecord(name=name, kind="local", root=f"/srv/{name}"), at=NOW)
    return store
