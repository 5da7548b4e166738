"""Being the one that writes to something of the store, which catalogs and indexes have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rota.errors import TemporaryError
from store.engine import Connection, Store
from store.holds import Holds

HOLD_MS = 60_000
"""How long a holder is believed without a word from it."""


class StoredHold:
    """Holds one row for one attempt; every transaction that writes asks first whether it still does."""

    def __init__(
        self,
        store: Store,
        holds: Holds,
        key: str,
        *,
        ensure: Callable[[Connection, str], object],
        lost: Callable[[str], TemporaryError],
    ) -> None:
        """`ensure` makes sure that there is such a row, `lost` makes the error of whom somebody took over from."""
        self._store = store
        self._holds = holds
        self._key = key
        self._ensure = ensure
        self._lost = lost
        self._fence: int | None = None

    def hold(self, task: str) -> str | None:
        """Become the only one that writes, or say which task is."""
        now = self._store.clock.now_ms()
        with self._store.writing() as conn:
            self._ensure(conn, self._key)
            self._fence = self._holds.take(conn, self._key, task=task, now=now, until=now + HOLD_MS)
            if self._fence is not None:
                return None
            return self._holds.holder(conn, self._key) or "another task"

    def keep(self) -> None:
        """Stay the holder."""
        with self._writing():
            pass

    def release(self) -> None:
        """Let others write."""
        fence, self._fence = self._fence, None
        if fence is not None:
            with self._store.writing() as conn:
                self._holds.release(conn, self._key, fence=fence)

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """Write as the holder, and as nobody else."""
        if self._fence is None:
            raise RuntimeError(f"{self._key} has to be held before it is written to")
        until = self._store.clock.now_ms() + HOLD_MS
        with self._store.writing() as conn:
            if not self._holds.keep(conn, self._key, fence=self._fence, until=until):
                raise self._lost(self._key)
            yield conn
