"""What is known of the bin of a datasource, as actors read and write it.

The storage has the items, the store has a record of each: since when, from where, by whom, and whether it must stay.
Whoever takes an item out claims its record first, so that of a purge and a restore only one does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from actors.datasources.bins import Recycled


class BinRecords(Protocol):
    """The records of one bin, for one task.

    Promises of every form: each call is one transaction or several whole ones, and safe to repeat; StoreUnavailable
    when the store is away.
    """

    def add(self, items: Sequence[Recycled]) -> None:
        """Record what went into the bin; raises Conflict if one of them is recorded already."""
