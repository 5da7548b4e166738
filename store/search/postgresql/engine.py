"""The engine that keeps indexes in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence

from rota.errors import PermanentError
from rota.search.query import Query
from store.engine import Store
from store.search.engine import Found, Index, Position, Shape, Statistics, Writer
from store.search.postgresql import generations
from store.search.postgresql.searching import search
from store.search.postgresql.stems import Stems
from store.search.postgresql.writer import PostgresqlWriter


class PostgresqlEngine:
    """Keeps indexes in the database of the store, which has to be PostgreSQL; see `store.search.engine.Engine`."""

    name = "postgresql"

    def __init__(self, store: Store) -> None:
        if store.dialect != "postgresql":
            raise PermanentError(
                f"search_engine is postgresql, but the database is {store.dialect}: use tantivy, or another database"
            )
        self._store = store
        self._stems = Stems()

    def writer(self, datasource: str, generation: int, shape: Shape) -> Writer:
        """Open a generation for writing, and make it if it is not there."""
        return PostgresqlWriter(self._store, self._stems, datasource, generation, shape)

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
        """Search these indexes and give the hits behind a position."""
        return search(
            self._store, self._stems, query, indexes, limit=limit, after=after, facets=facets, seconds=seconds
        )

    def statistics(self, datasource: str, generation: int) -> Statistics:
        """Give the size of a generation; zeros if it is not there."""
        with self._store.reading() as conn:
            return generations.statistics(conn, datasource, generation)

    def generations(self, datasource: str) -> Sequence[int]:
        """Give the generations that are there, in any state, sorted."""
        with self._store.reading() as conn:
            return generations.numbers(conn, datasource)

    def datasources(self) -> Sequence[str]:
        """Give the datasources that have any generation, sorted."""
        with self._store.reading() as conn:
            return generations.datasources(conn)

    def drop(self, datasource: str, generation: int) -> None:
        """Remove a generation; searches in it end as they can."""
        self._store.write(lambda conn: generations.drop(conn, datasource, generation))

    def close(self) -> None:
        """Let go of nothing: the connections are the store's."""
