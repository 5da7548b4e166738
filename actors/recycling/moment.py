"""The time that counts for what is deleted and purged."""

from __future__ import annotations

import time

from actors.run import Run
from rota.ids import made_at


def wall_ms() -> int:
    """Give the time of this machine in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def moment_of(run: Run) -> int:
    """Give the time of a purge: when its run was made, or this machine's time if that is earlier.

    Of two clocks the slower one is believed, because the faster one would make everything old.
    """
    made = made_at(run.id)
    return wall_ms() if made is None else min(made, wall_ms())
