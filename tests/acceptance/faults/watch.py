"""A judge of ticks: sees each one's run as soon as it is in the store, by a clock that nobody moves."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import text

from rota.errors import StoreUnavailable
from store.engine import Store

_NEW = text("SELECT rowid, job, due, state, reason, queued_at FROM runs WHERE rowid > :seen ORDER BY rowid")
_LOOK_SECONDS = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A run of a tick, or the record that it was skipped; `decided` is when by the leader, `at` when it was seen."""

    job: str
    due: int
    state: str
    reason: str | None
    decided: int
    at: int

    @property
    def lateness(self) -> int:
        """How long (ms) after it was due it was seen; less than nothing if it was early."""
        return self.at - self.due


class Watch:
    """Looks at these jobs' runs in the store, in a thread of its own, while it is entered. It reads SQLite only.

    Jobs that ship with Rota are due now and then as well, and end as they like: nobody else's runs are looked at.
    """

    def __init__(self, store: Store, jobs: Collection[str]) -> None:
        self._store = store
        self._jobs = frozenset(jobs)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self.seen: list[Seen] = []
        self._latest_due = 0

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(20)

    def of(self, job: str) -> list[Seen]:
        """Return what was seen of a job, by due time."""
        return sorted((each for each in self.seen if each.job == job), key=lambda each: each.due)

    def flowing(self, since: int) -> bool:
        """Return whether a tick that was due after this time (ms) has come."""
        return self._latest_due > since

    def wait_for_due(self, *, every_ms: int, beyond_ms: float) -> None:
        """Wait until ticks are due, or so long after it, or before it if that is negative; all are due together."""
        now = time.time() * 1000
        rest = (self._latest_due + beyond_ms - now) % every_ms
        time.sleep(rest / 1000)

    def _run(self) -> None:
        last = 0
        while not self._stopping.wait(_LOOK_SECONDS):
            try:
                with self._store.reading() as conn:
                    rows = conn.execute(_NEW, {"seen": last}).all()
            except StoreUnavailable:
                continue
            at = time.time_ns() // 1_000_000
            for number, job, due, state, reason, decided in rows:
                last = number
                if job not in self._jobs:
                    continue
                self.seen.append(Seen(job=job, due=due, state=state, reason=reason, decided=decided, at=at))
                self._latest_due = max(self._latest_due, due)
