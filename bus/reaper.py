"""Takes back what dead or forgetful workers hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bus.scripts import Scripts

#: Leases looked at in one call; well under the 500 that a script may touch.
BATCH = 200


class Reaper:
    """Reaps expired leases; any worker and the sweeper may do so at any time."""

    def __init__(self, scripts: Scripts, lease_ms: int) -> None:
        self._scripts = scripts
        self._lease_ms = lease_ms

    def reap(self) -> int:
        """Take back expired leases, move due delayed messages, adopt what an older version let wait.

        Returns how many leases were taken back.
        """
        total = 0
        while True:
            taken, moved = self._scripts.run("reap", [BATCH, self._lease_ms])
            total += int(taken)
            if int(taken) < BATCH and int(moved) < BATCH:
                return total

    def release_worker(self, worker_id: str) -> int:
        """Give back at once all leases of a worker that is known to be dead; return how many."""
        total = 0
        while True:
            taken = int(self._scripts.run("release", [worker_id, BATCH]))
            total += taken
            if taken < BATCH:
                return total
