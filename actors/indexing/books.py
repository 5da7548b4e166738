"""What is written but not committed yet, and what has to be remembered with it.

The order of a commit is what a crash is survived by. Files that gave no text are remembered first: after the commit
their documents are known, and nobody would read them again. What is gone is forgotten after it, and last of all the
folders are settled: until then they count as stale, and are compared once more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

from actors.indexing.side import Side
from actors.search_index import SearchIndex, Unread
from store.records import StaleFolder

MOST_DOCUMENTS = 10_000
MOST_SECONDS = 5.0
"""A commit is due after so many documents or so much time: that is what a crash costs."""


class Books:
    """Gathers until a commit."""

    def __init__(
        self,
        index: SearchIndex,
        sides: Sequence[Side],
        *,
        on_committed: Callable[[], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._index = index
        self._sides = sides
        self._on_committed = on_committed
        self._monotonic = monotonic
        self._found: list[Unread] = []
        self._gone: list[int] = []
        self._finished: list[StaleFolder] = []
        self._written = 0
        self._since: float | None = None
        self.commits = 0

    def wrote(self, documents: int = 1) -> None:
        """Note that documents were added or removed."""
        if self._since is None:
            self._since = self._monotonic()
        self._written += documents

    def found(self, unread: Unread) -> None:
        """Note a file that gave no text."""
        self._found.append(unread)

    def gone(self, ids: Iterable[int]) -> None:
        """Note documents that are gone, or gave their text by now."""
        self._gone += ids

    def finish(self, folders: Iterable[StaleFolder]) -> None:
        """Note folders that are as they were when they had these marks."""
        self._finished += folders

    @property
    def is_due(self) -> bool:
        """Whether it is time for a commit."""
        if len(self._finished) >= MOST_DOCUMENTS:
            return True
        if self._since is None:
            return False
        return self._written >= MOST_DOCUMENTS or self._monotonic() - self._since >= MOST_SECONDS

    def commit(self) -> None:
        """Make last what was gathered."""
        if any(side.is_dirty for side in self._sides) or self._found:
            # Whoever lost the index must not write to it; this asks.
            self._index.settle_unread(self._found, ())
            for side in self._sides:
                side.commit()
            self.commits += 1
        if self._gone:
            self._index.settle_unread((), self._gone)
        if self._finished:
            self._index.settle(self._finished)
        self._found, self._gone, self._finished = [], [], []
        self._written, self._since = 0, None
        self._on_committed()
