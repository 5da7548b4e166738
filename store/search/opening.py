"""Opens the engine that the settings name; its library is imported then, and not before."""

from __future__ import annotations

from pathlib import Path

from rota.errors import PermanentError
from rota.search.place import SearchPlace
from store.engine import Store
from store.search.engine import Engine


def open_engine(place: SearchPlace, store: Store) -> Engine:
    """Open the engine at a place; `store` is the database that PostgreSQL's indexes are in.

    Raises PermanentError if it is not installed, or cannot be used with this database.
    """
    match place.engine:
        case "tantivy":
            from store.search.tantivy.engine import TantivyEngine

            return TantivyEngine(Path(place.folder))
        case "postgresql":
            from store.search.postgresql.engine import PostgresqlEngine

            return PostgresqlEngine(store)
        case "opensearch":
            from store.search.opensearch.engine import OpenSearchEngine

            if place.url is None:
                raise PermanentError("opensearch_url is not set: say where OpenSearch is")
            return OpenSearchEngine(place.url, prefix=place.prefix)
