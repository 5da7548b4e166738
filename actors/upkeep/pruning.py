"""Goes through the history and has everything removed that is beyond what is kept, in steps of one transaction each."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from actors.history import Bound, Freed, History, Records
from actors.run import Run
from actors.upkeep.keeping import LOG_BYTES, RECORD_DAYS, bound_of, kept_of
from rota.times import DAY_MS

REST_SECONDS = 0.05
"""After each step that is followed by another one: ticks and outcomes come first, and on SQLite they wait for these."""


class Pruning:
    """One pass over the history; counts what all attempts freed."""

    def __init__(self, run: Run, history: History, *, now_ms: int, rest: Callable[[float], None] = time.sleep) -> None:
        counts: Mapping[str, Any] = run.state or {}
        self._run = run
        self._history = history
        self._now_ms = now_ms
        self._rest = rest
        self.freed = Freed(**counts)

    def prune(self, *, runs: int | None, days: int | None) -> None:
        """Remove everything that is beyond what is kept; see `keeping.kept_of` for the two."""
        cutoff = self._history.log_cutoff(keep_bytes=LOG_BYTES)
        self._prune_jobs(runs, days)
        self._repeat("log", lambda: self._history.prune_log(before=cutoff))
        for records, kept_days in RECORD_DAYS.items():
            self._prune_records(records, self._now_ms - kept_days * DAY_MS)

    def _prune_jobs(self, runs: int | None, days: int | None) -> None:
        """Go through all jobs that have runs, page by page, and write only where there is something to remove."""
        after: str | None = ""
        while after is not None:
            self._run.check()
            page = self._history.jobs(after=after)
            kept = {job: kept_of(own, runs=runs, days=days) for job, own in page.kept.items()}
            bounds = {job: bound_of(each, self._now_ms) for job, each in kept.items()}
            for job in self._history.overfull(bounds):
                self._prune_job(job, bounds[job])
            after = page.last
            if after is not None:
                self._rest(REST_SECONDS)

    def _prune_job(self, job: str, bound: Bound) -> None:
        self._repeat(f"runs of {job}", lambda: self._history.prune_job(job, bound))

    def _prune_records(self, records: Records, before: int) -> None:
        self._repeat(records.value, lambda: self._history.prune_records(records, before=before))

    def _repeat(self, what: str, step: Callable[[], Freed]) -> None:
        """Repeat a step until there is no more of the same."""
        more = True
        while more:
            self._run.check()
            freed = step()
            more = freed.more
            self._count(freed, what)
            if more:
                self._rest(REST_SECONDS)

    def _count(self, freed: Freed, what: str) -> None:
        if not freed.rows:
            return
        done = self.freed
        self.freed = Freed(done.runs + freed.runs, done.rows + freed.rows, done.bytes + freed.bytes)
        self._run.checkpoint({"runs": self.freed.runs, "rows": self.freed.rows, "bytes": self.freed.bytes})
        self._run.progress(self.freed.rows, None, "rows", what)
