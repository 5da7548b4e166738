"""Keeps the history from growing for ever: ended runs beyond what their jobs keep, old events, deeds and versions.

An hour after the last time it goes through everything, in batches of one short transaction each, so that nobody waits
long for the database.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from pydantic import ValidationError

from rota.jobs import Keep
from rota.loop import Loop
from rota.times import DAY_MS
from store.queries import jobs, rates, retention
from store.records import Removed

if TYPE_CHECKING:
    from rota.clock import Clock
    from scheduler.leader import Leader
    from store.engine import Connection, Store

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 3600.0
#: Time between winning the leadership and the first pass: a start has better things to do.
FIRST_SECONDS = 60.0
#: What is kept of the runs of jobs that are deleted.
DELETED = Keep()
EVENT_DAYS = 30
AUDIT_DAYS = 365
SWITCH_DAYS = 365
VERSION_DAYS = 365
#: Jobs looked at in one transaction, about 10 ms, and the rest after it, so that with many jobs due ticks come first.
PAGE = 100
REST_SECONDS = 0.05
#: Bytes of log kept of all runs together; the oldest lines go first.
LOG_BYTES = 2 * 1024**3


class Upkeep:
    """The duty of the history; only the leader's does anything."""

    def __init__(self, store: Store, leader: Leader, *, clock: Clock) -> None:
        self._store = store
        self._leader = leader
        self._clock = clock
        self._due: float | None = None
        self.loop = Loop("upkeep", self.step, interval=INTERVAL_SECONDS)

    def step(self) -> float:
        """Prune everything when it is time; returns how long it is until then."""
        if self._leader.leading() is None:
            self._due = None
            return FIRST_SECONDS
        now = self._clock.monotonic()
        if self._due is None:
            self._due = now + FIRST_SECONDS
        if now < self._due:
            return self._due - now
        self.prune()
        self._due = self._clock.monotonic() + INTERVAL_SECONDS
        return INTERVAL_SECONDS

    def prune(self) -> Removed:
        """Remove what is older or more than is kept; return how much that was."""
        now = self._clock.now_ms()
        with self._store.reading() as conn:
            cutoff = retention.log_cutoff(conn, keep_bytes=LOG_BYTES)
        removed = self._prune_jobs(now)
        removed = self._all_of(removed, lambda conn: retention.prune_log(conn, before_seq=cutoff))
        for pruning in _prunings_by_age(now):
            removed = self._all_of(removed, pruning)
        if removed.rows:
            logger.info("history.pruned", extra={"runs": removed.runs, "rows": removed.rows, "bytes": removed.bytes})
        return removed

    def _prune_jobs(self, now: int) -> Removed:
        """Go through all jobs that have runs, page by page, and write only where there is something to remove."""
        removed = Removed()
        last = ""
        while self._leader.leading() is not None:
            with self._store.reading() as conn:
                names = retention.jobs_with_runs(conn, after=last, limit=PAGE)
                keeps = _keeps(conn, names)
                prunings = [
                    _job_pruning(name, keep, now) for name, keep in keeps.items() if _too_much(conn, name, keep, now)
                ]
            for pruning in prunings:
                removed = self._all_of(removed, pruning)
            if len(names) < PAGE:
                break
            last = names[-1]
            time.sleep(REST_SECONDS)
        return removed

    def _all_of(self, removed: Removed, pruning: Callable[[Connection], Removed]) -> Removed:
        """Repeat a pruning until there is no more of the same, each time in a transaction of its own."""
        more = True
        while more and self._leader.leading() is not None:
            batch = self._store.write(pruning)
            removed = Removed(
                runs=removed.runs + batch.runs, rows=removed.rows + batch.rows, bytes=removed.bytes + batch.bytes
            )
            more = batch.more
        return removed


def _keeps(conn: Connection, names: Sequence[str]) -> dict[str, Keep]:
    """Return what is kept of each job; one whose definition cannot be read keeps everything, and is left out."""
    keeps = dict.fromkeys(names, DELETED)
    for name, job in jobs.current(conn, names).items():
        try:
            keeps[name] = Keep.model_validate(job.definition.get("keep", {}))
        except ValidationError:
            del keeps[name]
    return keeps


def _too_much(conn: Connection, name: str, keep: Keep, now: int) -> bool:
    return retention.has_too_much(conn, name, keep=keep.runs, ended_before=now - keep.days * DAY_MS)


def _job_pruning(name: str, keep: Keep, now: int) -> Callable[[Connection], Removed]:
    before = now - keep.days * DAY_MS
    return lambda conn: retention.prune_job(conn, name, keep=keep.runs, ended_before=before)


def _prunings_by_age(now: int) -> tuple[Callable[[Connection], Removed], ...]:
    return (
        lambda conn: retention.prune_events(conn, received_before=now - EVENT_DAYS * DAY_MS),
        lambda conn: retention.prune_audit(conn, before=now - AUDIT_DAYS * DAY_MS),
        lambda conn: retention.prune_switches(conn, before=now - SWITCH_DAYS * DAY_MS),
        lambda conn: retention.prune_tokens(conn, expired_before=now),
        lambda conn: rates.prune(conn, before=now),
        lambda conn: retention.prune_versions(conn, saved_before=now - VERSION_DAYS * DAY_MS),
    )
