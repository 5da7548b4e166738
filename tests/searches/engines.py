"""All engines, each with what opens it; the shared suite runs on every one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from store.search.engine import Engine
from store.search.tantivy.engine import TantivyEngine
from tests.searches.opensearch import opensearch
from tests.searches.postgresql import postgresql

Opener = Callable[[], Engine]
"""Opens the engine once more, as another process would: all of them see the same indexes."""


@contextmanager
def _tantivy(request: pytest.FixtureRequest) -> Iterator[Opener]:
    folder: Path = request.getfixturevalue("tmp_path")
    yield lambda: TantivyEngine(folder / "search")


ENGINES: Mapping[str, Callable[[pytest.FixtureRequest], AbstractContextManager[Opener]]] = {
    "tantivy": _tantivy,
    "postgresql": postgresql,
    "opensearch": opensearch,
}
