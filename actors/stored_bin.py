"""The records of a bin as the store keeps them: what a worker's run hands to its actors; see `BinRecords`."""

from __future__ import annotations

from collections.abc import Sequence

from actors.datasources.bins import Recycled
from store.engine import Store
from store.queries import recycled
from store.records import RecycledRecord


class StoredBin:
    """The records of one bin, for one task."""

    def __init__(self, store: Store, datasource: str, *, run: str, task: str) -> None:
        self._store = store
        self._datasource = datasource
        self._run = run
        self._task = task

    def add(self, items: Sequence[Recycled]) -> None:
        """Record what went into the bin."""
        with self._store.writing() as conn:
            recycled.add(conn, self._datasource, [RecycledRecord(**item._asdict(), run=self._run) for item in items])
