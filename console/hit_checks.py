"""What a search has found is looked at after it was answered: where something is gone, a scoped sync is started.

The answer waits for none of it. One thread looks at the hits of a page; what comes faster than it can look is dropped,
and each path is looked at once a minute at most. So a search costs the storages little, whatever people search for.

Hits are not left out of the answers meanwhile: total, facets and pages stay of one piece, and the index has followed
seconds later. What is to be synced goes out as `storage.changed`, as from any other service that says so. What the
catalog does not have is marked as to be indexed again, and `index.stale` wakes those who do that.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from queue import Empty, Queue
from typing import TYPE_CHECKING

from console.hit_looking import Known, changed_in_storage, folder_of, is_within_reach, look_up
from console.index_waking import stale_event
from rota.changes import events_of
from rota.errors import RotaError
from store.queries import stale

if TYPE_CHECKING:
    from bus.connection import Bus
    from store.engine import Store
    from store.search.engine import Hit

AGAIN_SECONDS = 60.0
"""How long a path is not looked at again."""
AWAY_SECONDS = 600.0
"""How long a storage is left alone that could not be opened here."""
MOST_HITS = 100
"""Hits of one page that are looked at."""
MOST_WAITING = 20
"""Pages that wait to be looked at; more are dropped."""

_MOST_REMEMBERED = 10_000
_STOP_SECONDS = 1.0

_log = logging.getLogger(__name__)

Batch = dict[str, list[bytes]]
"""Paths by datasource."""


class HitChecks:
    """Looks at hits in a thread of its own, which is started with the first of them."""

    def __init__(self, store: Store, bus: Bus, *, seconds: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._bus = bus
        self._seconds = seconds
        self._guard = threading.Lock()
        self._waiting: Queue[Batch | None] = Queue(MOST_WAITING)
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self._looked_at: dict[tuple[str, bytes], float] = {}
        self._away: dict[str, float] = {}

    def look_at(self, hits: Iterable[Hit]) -> None:
        """Have these hits looked at some time soon; never waits and never fails."""
        with self._guard:
            if self._is_closed or self._waiting.full():
                return
            batch = self._new_of(hits)
            if not batch:
                return
            self._waiting.put_nowait(batch)
            if self._thread is None:
                # Not waited for at the end: a call into a storage that hangs must not keep the console alive.
                self._thread = threading.Thread(target=self._work, name="hit-checks", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Look at nothing more; twice is fine."""
        with self._guard:
            self._is_closed = True
            thread, self._thread = self._thread, None
        if thread is not None:
            _empty(self._waiting)
            self._waiting.put(None)
            thread.join(_STOP_SECONDS)

    def _new_of(self, hits: Iterable[Hit]) -> Batch:
        """Return the paths that were not looked at within the last minute, and remember them."""
        now, batch = self._seconds(), Batch()
        if len(self._looked_at) > _MOST_REMEMBERED:
            self._looked_at = {each: at for each, at in self._looked_at.items() if now - at < AGAIN_SECONDS}
        for hit, _ in zip(hits, range(MOST_HITS), strict=False):
            place = hit.datasource, hit.path
            known = self._looked_at.get(place)
            if (known is None or now - known >= AGAIN_SECONDS) and len(self._looked_at) <= _MOST_REMEMBERED:
                self._looked_at[place] = now
                batch.setdefault(hit.datasource, []).append(hit.path)
        return batch

    def _work(self) -> None:
        while (batch := self._waiting.get()) is not None:
            for name, paths in batch.items():
                try:
                    self._look(name, paths)
                except RotaError as error:
                    _log.warning("hits.unchecked", extra={"datasource": name, "error": str(error)})
                except Exception:
                    _log.exception("hits.failed", extra={"datasource": name})

    def _look(self, name: str, paths: list[bytes]) -> None:
        known = look_up(self._store, name, paths)
        if known is None:
            return
        now, source = self._store.clock.now_ms(), f"/datasources/{name}/search"
        events = []
        if known.surplus:
            with self._store.writing() as conn:
                stale.mark(conn, name, map(folder_of, known.surplus), at=now)
            events.append(stale_event(name, source=source, at=now))
        if changed := self._changed(known):
            events += events_of(name, changed, source=source, at=now)
        if events:
            self._bus.events.publish(events)

    def _changed(self, known: Known) -> list[bytes]:
        name = known.datasource.name
        if not known.rows or not is_within_reach(known.datasource) or self._seconds() < self._away.get(name, 0.0):
            return []
        try:
            return changed_in_storage(known.datasource, known.rows)
        except (OSError, RotaError) as error:
            self._away[name] = self._seconds() + AWAY_SECONDS
            _log.info("hits.out_of_reach", extra={"datasource": name, "error": str(error)})
            return []


def _empty(queue: Queue[Batch | None]) -> None:
    try:
        while True:
            queue.get_nowait()
    except Empty:
        return
