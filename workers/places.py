"""Opens the store for the actors that need datasources or catalogs; the others never pay for it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from actors.stored import StoredDatasources
    from rota.search.place import SearchPlace
    from store.engine import Store
    from store.search.engine import Engine


class StorePlaces:
    """The datasources of the store at an address, and their indexes, opened when first asked for; one per process."""

    def __init__(self, store_url: str, search: SearchPlace) -> None:
        self._store_url = store_url
        self._search = search
        self._opening = threading.RLock()
        self._store: Store | None = None
        self._engine: Engine | None = None

    def of(self, run: str, task: str) -> StoredDatasources:
        """Give the datasources as one task of a run sees them."""
        from actors.stored import StoredDatasources

        return StoredDatasources(self._opened(), run=run, task=task, engine=self._opened_engine)

    def close(self) -> None:
        """Close what was opened; safe to call twice."""
        with self._opening:
            if self._engine is not None:
                self._engine.close()
                self._engine = None
            if self._store is not None:
                self._store.close()
                self._store = None

    @staticmethod
    def preload() -> None:
        """Import what `of` needs, for a process that is going to be forked."""
        import actors.stored  # noqa: F401

    def _opened(self) -> Store:
        from store.engine import Store

        with self._opening:
            if self._store is None:
                self._store = Store(self._store_url)
            return self._store

    def _opened_engine(self) -> Engine:
        from store.search.opening import open_engine

        with self._opening:
            if self._engine is None:
                self._engine = open_engine(self._search, self._opened())
            return self._engine
