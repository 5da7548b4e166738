"""How much of the history is kept. Pure."""

from __future__ import annotations

from actors.history import Bound, Kept, Records
from rota.times import DAY_MS

DELETED = Kept(runs=200, days=90)
"""What is kept of the runs of jobs that are deleted, unless the actor is told; what a job keeps that says nothing."""
LOG_BYTES = 2 * 1024**3
"""Bytes of log kept of all runs together; the oldest lines go first."""
RECORD_DAYS = {
    Records.EVENTS: 30,
    Records.AUDIT: 365,
    Records.SWITCHES: 365,
    Records.TOKENS: 0,  # since they expired
    Records.RATES: 0,  # since they count
    Records.VERSIONS: 365,
}
"""Days for which records are kept that belong to no run."""


def kept_of(own: Kept | None, *, runs: int | None, days: int | None) -> Kept:
    """Give what is kept of a job: what it says itself, and never more than what is asked for.

    `own` is None for a deleted job; of that the number and the days that are asked for are kept.
    """
    if own is None:
        return Kept(DELETED.runs if runs is None else runs, DELETED.days if days is None else days)
    return Kept(own.runs if runs is None else min(own.runs, runs), own.days if days is None else min(own.days, days))


def bound_of(kept: Kept, now_ms: int) -> Bound:
    """Give what has to go when so much is kept."""
    return Bound(kept.runs, now_ms - kept.days * DAY_MS)
