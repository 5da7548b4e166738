"""The search: indexes, how far they are behind, and files that gave no text. Times are milliseconds UTC."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from store.search.engine import Index, Shape


class IndexRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The index of a datasource."""

    datasource: str
    live: int | None
    """The generation that is searched; None if none is."""
    live_shape: Shape | None
    building: int | None
    """The one that is being built, which may be the live one."""
    building_shape: Shape | None
    last_generation: int
    documents: int
    bytes: int
    last_run: dict[str, Any] | None
    """`run, at` and the counts of the last one that wrote to it."""
    last_check: dict[str, Any] | None

    @property
    def searched(self) -> Index | None:
        """What of it can be searched."""
        if self.live is None or self.live_shape is None:
            return None
        return Index(self.datasource, self.live, self.live_shape)


class StaleFolder(NamedTuple):
    """A folder that changed since it was indexed."""

    path: bytes
    mark: int
    """Of the last change."""


class Lag(NamedTuple):
    """How far an index is behind its catalog."""

    datasource: str
    folders: int
    since: int | None
    """When the oldest of the changes happened; None without any."""

    def seconds(self, now: int) -> float:
        """Tell for how long the oldest change has waited at a time (ms); 0 without one."""
        return 0.0 if self.since is None else max(0, now - self.since) / 1000


class UnreadRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A file that gave no text."""

    document: int
    path: bytes
    reason: str
    message: str
    at: int
    run: str | None = None
