"""The actor `prune`: keeps the history from growing for ever.

The plan:

1. All jobs that have runs are gone through, a page at a time. Ended runs go, with their tasks, attempts and log lines,
   that are older or more than the job keeps; where `runs` and `days` are given, no job keeps more. Of deleted jobs so
   much is kept as is given, or else 200 runs and 90 days.
2. The oldest log lines go where those of all runs together are more than 2 GiB.
3. Events go after 30 days, the audit and what is known of switches after a year, tokens once they have expired, starts
   that a rate counts once they count no more, and definitions that nothing follows after a year.

Each step is one short transaction, with a rest after it, so that ticks and outcomes come first. Open runs stay however
old they are, its own among them, and so does everything of a job whose definition cannot be read.

The time is this machine's, but none later than when the run was admitted: a worker whose clock runs ahead removes
nothing that is not old. A crash leaves less history, whole runs only; the next attempt goes on with what is left.
"""

# ruff: noqa: G004 -- the log of a run takes finished text and is no logging.Logger
from __future__ import annotations

from pydantic import Field

from actors.params import Params, Result
from actors.recycling.moment import moment_of
from actors.registry import actor
from actors.run import Run
from actors.syncing.meter import sized
from actors.upkeep.pruning import Pruning


class PruneParams(Params):
    """How much is kept."""

    runs: int | None = Field(
        default=None, ge=1, le=1_000_000_000, description="Most ended runs of a job; what each job says if unset."
    )
    days: int | None = Field(
        default=None, ge=1, le=36_500, description="Most days since a run ended; what each job says if unset."
    )


class PruneResult(Result):
    """What was removed, all attempts together."""

    runs: int
    rows: int
    """In all tables, those of the runs included."""
    bytes: int
    """Of log."""


@actor("prune")
def prune(run: Run, params: PruneParams) -> PruneResult:
    """Remove runs, log lines, events and other records that are older or more than is kept."""
    pruning = Pruning(run, run.history(), now_ms=moment_of(run))
    pruning.prune(runs=params.runs, days=params.days)
    freed = pruning.freed
    run.log.info(f"removed {freed.runs:,} runs, {freed.rows:,} rows in all, {sized(freed.bytes)} of log")
    return PruneResult(runs=freed.runs, rows=freed.rows, bytes=freed.bytes)
