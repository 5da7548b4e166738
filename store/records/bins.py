"""What is asked of the bins of datasources, and what is known of each as a whole."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

import msgspec

from store.records.catalog import RecycledRecord


class BinCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How much is in a bin; `held` counts the items that somebody has put on hold."""

    items: int = 0
    bytes: int = 0
    held: int = 0


class BinState(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered of a bin as a whole."""

    last_purge: dict[str, Any] | None = None
    doubt: dict[str, Any] | None = None
    """What the last purge held back: `run, at, reason, items, bytes`."""


class BinFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which items of a bin are meant: those for which all of it is true; None asks for nothing."""

    user: str | None = None
    """Who deleted it."""
    folder: builtins.bytes | None = None
    """Where it was: in this folder or below it, or the folder itself."""
    since: int | None = None
    until: int | None = None
    """Deleted at `since` or later, and before `until`; milliseconds."""
    bin: str | None = None
    """The bin with limits of its own; the empty text is that of the datasource."""
    keep: Callable[[RecycledRecord], bool] | None = None
    """Asked of each item that the rest is true of: what no database can say alike."""
