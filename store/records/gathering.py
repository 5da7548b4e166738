"""Events that become one run.

Times are milliseconds UTC.
"""

from __future__ import annotations

import msgspec


class WindowRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Events that are being gathered; `id` is that of the run they become.

    `key` is what they have in common, None once the window is full. The run starts at `due`, which each further event
    puts off, but not beyond `latest`.
    """

    id: str
    job: str
    trigger: str
    key: str | None
    opened_at: int
    latest: int
    due: int
    count: int


class Gathered(msgspec.Struct, frozen=True, kw_only=True):
    """An event, by its number, and its place in the list that a run is given."""

    run: str
    n: int
    event: int
