"""The history of all runs, as the actors see it that keep it from growing and that clean up after what has ended."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol


class Kept(NamedTuple):
    """How much of the history of a job is kept; a run goes as soon as it is beyond either."""

    runs: int
    days: int
    """Since a run ended."""


class Bound(NamedTuple):
    """Which ended runs of a job go."""

    runs: int
    """So many of the newest stay."""
    ended_before: int
    """Milliseconds since 1970: those that ended before go however few there are."""


class JobsPage(NamedTuple):
    """Some of the jobs that have runs, by name."""

    kept: Mapping[str, Kept | None]
    """What each of them keeps; None for a deleted job. One whose definition cannot be read is left out."""
    last: str | None
    """Where the next page begins; None if this is the last one."""


class Freed(NamedTuple):
    """What one step of a pruning removed."""

    runs: int = 0
    rows: int = 0
    """In all tables, those of the runs included."""
    bytes: int = 0
    """Of log."""
    more: bool = False
    """There may be more of the same."""


class Records(StrEnum):
    """What is remembered beside the runs."""

    EVENTS = "events"  # received, and waiting for no run
    AUDIT = "audit"  # who did what
    SWITCHES = "switches"  # when a job was switched on and off
    TOKENS = "tokens"  # that have expired
    RATES = "rates"  # starts that a rate counts
    VERSIONS = "versions"  # definitions that are not current, and that no run follows


class History(Protocol):
    """What is remembered of runs, and beside them.

    Promises of every form: each call is one short transaction, and safe to repeat; StoreUnavailable when the store is
    away. Only ended runs are removed.
    """

    def open_tasks(self, tasks: Sequence[str]) -> Collection[str]:
        """Give those of these tasks that have not ended: what they left lying is theirs still."""

    def jobs(self, *, after: str = "") -> JobsPage:
        """Give what is kept of the jobs that follow this one; deleted ones with runs are among them."""

    def overfull(self, bounds: Mapping[str, Bound]) -> Sequence[str]:
        """Give those of these jobs of which something may have to go."""

    def prune_job(self, job: str, bound: Bound) -> Freed:
        """Remove some of the ended runs of a job that are beyond its bound, the oldest first."""

    def log_cutoff(self, *, keep_bytes: int) -> int:
        """Give the number of the oldest log line that stays when so many bytes of all runs' logs are kept."""

    def prune_log(self, *, before: int) -> Freed:
        """Remove some of the log lines before this number, the oldest first."""

    def prune_records(self, records: Records, *, before: int) -> Freed:
        """Remove some of the records of a kind that are of before this time (milliseconds since 1970)."""
