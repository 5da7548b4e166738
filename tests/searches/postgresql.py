"""Opens the engine in PostgreSQL, on a database of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager

import pytest

from store.engine import Store
from store.search.engine import Engine
from store.search.postgresql.engine import PostgresqlEngine


@contextmanager
def postgresql(request: pytest.FixtureRequest) -> Iterator[Callable[[], Engine]]:
    """Yield what opens the engine, each time with connections of its own as another process has."""
    url: str = request.getfixturevalue("postgres_url")
    with ExitStack() as stores:
        yield lambda: PostgresqlEngine(stores.enter_context(closing(Store(url))))
