"""What the parts of an extraction share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from actors.archives.names import Names
from actors.archives.reading import Archive
from actors.datasources.abilities import Tree
from actors.datasources.storage import Storage
from actors.run import Run
from actors.threads import Threads
from actors.transferring.telling import ChangedFolders
from actors.unpacking.budgets import Budget
from actors.unpacking.choice import Choice
from actors.unpacking.made import Counts, Kept
from actors.unpacking.merging import Merging
from actors.unpacking.notes import Notes
from actors.unpacking.order import Order
from actors.unpacking.progress import Progress
from actors.unpacking.twins import Twins


@dataclass(frozen=True, slots=True, kw_only=True)
class Extraction:
    """What an extraction is about."""

    run: Run
    order: Order
    storage: Storage
    """Of the target, opened `whole`."""
    threads: int
    """How many are of use."""
    budget: Budget
    kept: Kept
    notes: Notes
    changed: ChangedFolders


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One extraction at work."""

    run: Run
    order: Order
    archive: Archive
    names: Names
    tree: Tree
    budget: Budget
    choice: Choice
    notes: Notes
    progress: Progress
    threads: Threads
    check: Callable[[], None]
    """Raises when the work shall end; for every thread."""
    merging: Merging | None
    """Where the files go into a folder that is there, one by one."""
    twins: Twins = field(default_factory=Twins)
    counts: Counts = field(default_factory=Counts)
