"""Who leads: a key with an owner and an expiry, and an epoch that grows with each election."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from bus.scripts import Scripts

#: A leader trusts itself for this share of its lease only, counted from before it asked.
TRUST = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """What one call to `campaign` learnt; `until` is a monotonic time in seconds, 0 when not leading."""

    epoch: int
    leads: bool
    new: bool
    until: float


class Leadership:
    """Takes, extends and gives back the leadership.

    The lease is never proof: every emission carries the epoch and is refused when it is stale.
    """

    def __init__(self, scripts: Scripts, lease_ms: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._scripts = scripts
        self._monotonic = monotonic
        self.lease_ms = lease_ms

    def campaign(self, owner: str) -> Term:
        """Ask to lead, or to go on leading. Raises BusUnavailable: then the caller must step down at its deadline."""
        # The clock is read before the request leaves: a slow answer must not extend the trust.
        asked = self._monotonic()
        epoch, leads, new = self._scripts.run("elect", [owner, self.lease_ms])
        until = asked + self.lease_ms / 1000 * TRUST if leads else 0.0
        return Term(epoch=int(epoch), leads=bool(leads), new=bool(new), until=until)

    def resign(self, owner: str) -> bool:
        """Give the leadership back, so that a standby need not wait for the lease."""
        return bool(self._scripts.run("resign", [owner]))
