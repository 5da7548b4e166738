"""Which of the watched folders are a worker's own to watch. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bus.watched import WatchedFolder

SYNC_QUEUE = "sync"
"""The queue of what syncs a datasource that names none."""


def served(folders: Iterable[WatchedFolder], queues: Sequence[str]) -> list[WatchedFolder]:
    """Return those that a worker of these queues (none for the usual ones) can reach.

    The same path may be another folder on a machine that serves other queues.
    """
    usual = queues or (SYNC_QUEUE,)
    return [folder for folder in folders if (folder.queue or SYNC_QUEUE) in usual]
