"""The history as the store keeps it: what a worker's run hands to its actors; see `History`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from actors.history import Bound, Freed, JobsPage, Kept, Records
from store.engine import Connection, Store
from store.queries import jobs, rates, retention, runs
from store.records import Removed

_PAGE = 100
"""Jobs looked at in one transaction: about 10 ms."""
_PRUNINGS: Mapping[Records, Callable[[Connection, int], Removed]] = {
    Records.EVENTS: lambda conn, before: retention.prune_events(conn, received_before=before),
    Records.AUDIT: lambda conn, before: retention.prune_audit(conn, before=before),
    Records.SWITCHES: lambda conn, before: retention.prune_switches(conn, before=before),
    Records.TOKENS: lambda conn, before: retention.prune_tokens(conn, expired_before=before),
    Records.RATES: lambda conn, before: rates.prune(conn, before=before),
    Records.VERSIONS: lambda conn, before: retention.prune_versions(conn, saved_before=before),
}


class StoredHistory:
    """What is remembered of runs, and beside them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def open_tasks(self, tasks: Sequence[str]) -> Collection[str]:
        """Give those of these tasks that have not ended."""
        with self._store.reading() as conn:
            return runs.unended(conn, tasks)

    def jobs(self, *, after: str = "") -> JobsPage:
        """Give what is kept of the jobs that follow this one; deleted ones with runs are among them."""
        with self._store.reading() as conn:
            names = retention.jobs_with_runs(conn, after=after, limit=_PAGE)
            definitions = {name: job.definition for name, job in jobs.current(conn, names).items()}
        kept = {name: _kept(definitions[name]) if name in definitions else None for name in names}
        readable = {name: each for name, each in kept.items() if each is not None or name not in definitions}
        return JobsPage(readable, names[-1] if len(names) == _PAGE else None)

    def overfull(self, bounds: Mapping[str, Bound]) -> Sequence[str]:
        """Give those of these jobs of which something may have to go."""
        with self._store.reading() as conn:
            return [
                job
                for job, bound in bounds.items()
                if retention.has_too_much(conn, job, keep=bound.runs, ended_before=bound.ended_before)
            ]

    def prune_job(self, job: str, bound: Bound) -> Freed:
        """Remove some of the ended runs of a job that are beyond its bound, the oldest first."""
        return self._prune(
            lambda conn: retention.prune_job(conn, job, keep=bound.runs, ended_before=bound.ended_before)
        )

    def log_cutoff(self, *, keep_bytes: int) -> int:
        """Give the number of the oldest log line that stays when so many bytes of all runs' logs are kept."""
        with self._store.reading() as conn:
            return retention.log_cutoff(conn, keep_bytes=keep_bytes)

    def prune_log(self, *, before: int) -> Freed:
        """Remove some of the log lines before this number, the oldest first."""
        return self._prune(lambda conn: retention.prune_log(conn, before_seq=before))

    def prune_records(self, records: Records, *, before: int) -> Freed:
        """Remove some of the records of a kind that are of before this time."""
        return self._prune(lambda conn: _PRUNINGS[records](conn, before))

    def _prune(self, pruning: Callable[[Connection], Removed]) -> Freed:
        removed = self._store.write(pruning)
        return Freed(runs=removed.runs, rows=removed.rows, bytes=removed.bytes, more=removed.more)


def _kept(definition: Mapping[str, Any]) -> Kept | None:
    """Give what a definition says is kept, None if that cannot be read."""
    # Only who prunes needs the models of definitions.
    from pydantic import ValidationError

    from rota.jobs import Keep

    try:
        keep = Keep.model_validate(definition.get("keep", {}))
    except ValidationError:
        return None
    return Kept(keep.runs, keep.days)
