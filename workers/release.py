"""Gives back at once what a dead child held; a short process of its own, so that the supervisor stays small."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

_PAUSE_SECONDS = 0.5


def release(orders: dict[str, Any]) -> int:
    """Release a worker's leases; try for as long as a lease lasts, after that they have run out by themselves.

    Returns how many tasks were given back.
    """
    from bus.connection import Bus
    from rota.errors import BusUnavailable

    end = time.monotonic() + orders["lease_seconds"]
    while True:
        try:
            bus = Bus(orders["redis_url"], namespace=orders["redis_namespace"])
            return bus.reaper.release_worker(orders["worker_id"])
        except BusUnavailable:
            if time.monotonic() > end:
                return 0
            time.sleep(_PAUSE_SECONDS)


if __name__ == "__main__":
    # On standard input, because the address may hold a password, which a command line would show.
    release(json.load(sys.stdin))
