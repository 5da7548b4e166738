"""The history of all runs, as the actors see it that keep it from growing and that clean up after what has ended."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol


class History(Protocol):
    """What is remembered of runs.

    Promises of every form: each call is one short transaction, and safe to repeat; StoreUnavailable when the store is
    away.
    """

    def open_tasks(self, tasks: Sequence[str]) -> Collection[str]:
        """Give those of these tasks that have not ended: what they left lying is theirs still."""
