"""Documents for the engines, and how they get into them and are found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from typing import Any

from rota.search.query import Node, Query
from store.search.engine import Document, Engine, Found, Hit, Index, Position, Shape

SHAPE = Shape(contents=True, language="none", extractors="plain-1")
NOW_NS = 1_700_000_000_000_000_000
_ids = count(1)


def document(name: bytes | str = b"document.txt", text: str = "", **fields: Any) -> Document:
    """Make a document; a test names only what it is about."""
    values: dict[str, Any] = {
        "id": next(_ids),
        "content": 0,
        "folder": b"",
        "kind": "file",
        "size": 100,
        "modified_ns": NOW_NS,
    } | fields
    return Document(name=name if isinstance(name, bytes) else name.encode(), text=text, **values)


def fill(
    engine: Engine,
    documents: Iterable[Document],
    *,
    datasource: str = "alpha",
    generation: int = 1,
    language: str = "none",
) -> Index:
    """Write documents with one commit, and give the index that they are in."""
    shape = SHAPE._replace(language=language)
    writer = engine.writer(datasource, generation, shape)
    try:
        writer.add(documents)
        writer.commit()
    finally:
        writer.close()
    return Index(datasource, generation, shape)


def search(engine: Engine, root: Node | None, *indexes: Index, **options: Any) -> Found:
    """Search for a node, with patience: how long it takes is measured elsewhere."""
    return engine.search(Query("", root), indexes, **{"limit": 100, "seconds": 30.0} | options)


def ids(engine: Engine, root: Node | None, *indexes: Index) -> set[int]:
    """Give the ids of everything that is found."""
    return {hit.id for hit in every_hit(engine, root, indexes)}


def names(engine: Engine, root: Node | None, *indexes: Index) -> list[str]:
    """Give the names of what is found, the best first."""
    return [hit.path.rpartition(b"/")[2].decode() for hit in search(engine, root, *indexes).hits]


def every_hit(engine: Engine, root: Node | None, indexes: Sequence[Index], *, limit: int = 100) -> list[Hit]:
    """Turn all pages, and give their hits in this order."""
    return list(_turned(engine, root, indexes, limit))


def _turned(engine: Engine, root: Node | None, indexes: Sequence[Index], limit: int) -> Iterator[Hit]:
    after: Position | None = None
    while True:
        found = search(engine, root, *indexes, limit=limit, after=after)
        yield from found.hits
        if not found.is_more:
            return
        assert found.hits, "there is more, and nothing of it"
        after = found.hits[-1].position
