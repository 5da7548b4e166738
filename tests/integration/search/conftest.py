"""Engines for the shared suite: each test runs on all of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from store.search.engine import Engine
from tests.searches.engines import ENGINES, Opener


@pytest.fixture(params=list(ENGINES))
def opener(request: pytest.FixtureRequest) -> Iterator[Opener]:
    """Opens an engine on a place of its own, and closes all that it opened."""
    opened: list[Engine] = []
    with ENGINES[request.param](request) as open_engine:

        def opening() -> Engine:
            opened.append(open_engine())
            return opened[-1]

        yield opening
        for engine in opened:
            engine.close()


@pytest.fixture
def engine(opener: Opener) -> Engine:
    """An engine without any index."""
    return opener()
