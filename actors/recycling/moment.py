"""The time that counts for what is deleted and purged."""

from __future__ import annotations

from actors.run import Run
from rota.clock import SystemClock
from rota.ids import made_at
from rota.times import DAY_MS


def wall_ms() -> int:
    """Give the time of this machine in milliseconds since 1970."""
    return SystemClock().now_ms()


def arrival_of(run: Run) -> int:
    """Give the time at which something comes into a bin: this machine's, or when the run was made if that is later.

    Of two clocks the faster one is believed, because the slower one would make new things old.
    """
    return max(made_at(run.id) or 0, wall_ms())


def moment_of(run: Run) -> int:
    """Give the time of a purge: when its run was made, or this machine's time if that is earlier.

    Of two clocks the slower one is believed, because the faster one would make everything old.
    """
    made = made_at(run.id)
    return wall_ms() if made is None else min(made, wall_ms())


def sight_of(run: Run) -> int:
    """Give since when something counts of which nothing is known, and which a purge sees for the first time.

    That is the time of the purge. Where two clocks are more than a day apart, one of them is wrong, and it may be that
    one.
    """
    moment, arrival = moment_of(run), arrival_of(run)
    return arrival if arrival - moment > DAY_MS else moment
