"""What the parts of a mirror share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from actors.datasources.storage import Storage
from actors.mirroring.tally import Tally
from actors.run import Run
from actors.transferring.sides import Scope, Times
from actors.transferring.telling import ChangedFolders


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a mirror is asked to do."""

    path: bytes
    dry_run: bool
    removes: bool
    """Whether what is gone from the source goes from the target."""
    max_deleted: float
    """Largest share of the target that may go unasked."""
    allow_deletions: bool
    confirmed_deletions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One mirror at work: its order, both storages, and what was done so far."""

    run: Run
    order: Order
    source: Storage
    target: Storage
    scope: Scope
    tally: Tally
    check: Callable[[], None]
    """Raises when the work shall end; for every thread."""
    changed: ChangedFolders

    @property
    def times(self) -> Times:
        """What times can say about files of the two."""
        return Times.of(self.source.capabilities, self.target.capabilities)
