"""The embedded engine as others see it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from rota.errors import NotFound
from rota.search.query import Query
from store.search.engine import Found, Index, Position, Shape, Statistics
from store.search.parts import check_size
from store.search.tantivy.places import Places, bytes_of
from store.search.tantivy.reading import Readers
from store.search.tantivy.searching import Asked, View, answer
from store.search.tantivy.writing import TantivyWriter


class TantivyEngine:
    """Keeps indexes in folders of one machine. Safe to use from several threads.

    Nothing is opened before it is needed. What is written by one process is found by all others from the commit on.
    """

    name = "tantivy"

    def __init__(self, folder: Path) -> None:
        self._places = Places(folder)
        self._readers = Readers()

    def writer(self, datasource: str, generation: int, shape: Shape) -> TantivyWriter:
        """Open a generation for writing, and make it if it is not there.

        Raises TemporaryError while somebody else writes to it, PermanentError if it is broken or has another form.
        """
        return TantivyWriter(self._places.make(datasource, generation, shape))

    def search(
        self,
        query: Query,
        indexes: Sequence[Index],
        *,
        limit: int,
        after: Position | None = None,
        facets: bool = False,
        seconds: float = 1.0,
    ) -> Found:
        """Search these indexes and give the hits behind a position.

        Raises NotFound if one of them is gone, TooBroad if it takes longer than these seconds or has too many parts.
        """
        check_size(query)
        asked = Asked(query, limit, after, facets, time.monotonic() + seconds)
        return answer(self._views(indexes), asked)

    def _views(self, indexes: Sequence[Index]) -> Iterator[View]:
        for index in indexes:
            reader, searcher = self._readers.of(self._places.of(index.datasource, index.generation))
            yield View(index.datasource, reader, searcher)

    def statistics(self, datasource: str, generation: int) -> Statistics:
        """Give the size of a generation; zeros if it is not there."""
        folder = self._places.of(datasource, generation)
        try:
            _, searcher = self._readers.of(folder)
        except NotFound:
            return Statistics(0, 0)
        return Statistics(searcher.num_docs, bytes_of(folder))

    def generations(self, datasource: str) -> Sequence[int]:
        """Give the generations that are there, sorted."""
        return self._places.generations(datasource)

    def datasources(self) -> Sequence[str]:
        """Give the datasources that have any generation, sorted."""
        return self._places.datasources()

    def drop(self, datasource: str, generation: int) -> None:
        """Remove a generation; searches in it end as they can. Nothing happens if it is not there."""
        self._places.drop(datasource, generation)

    def close(self) -> None:
        """Let go of everything; twice is fine."""
        self._readers.close()
