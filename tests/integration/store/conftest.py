"""The store under test, on both databases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from store.engine import Store


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """A migrated and empty store."""
    store = Store(database_url)
    yield store
    store.close()
