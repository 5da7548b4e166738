"""The history as the store keeps it: what a worker's run hands to its actors; see `History`."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from store.engine import Store
from store.queries import runs


class StoredHistory:
    """What is remembered of runs."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def open_tasks(self, tasks: Sequence[str]) -> Collection[str]:
        """Give those of these tasks that have not ended."""
        with self._store.reading() as conn:
            return runs.unended(conn, tasks)
