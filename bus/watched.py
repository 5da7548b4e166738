"""The folders that are to be watched, as the leading scheduler reads them from the store.

Workers learn it here, because a process that watches shall not need a database, and one that has nothing to watch
shall not even be started.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import msgspec

from bus.errors import translated

if TYPE_CHECKING:
    from collections.abc import Sequence

    import redis

    from bus.keys import Keys


class WatchedFolder(msgspec.Struct, frozen=True, kw_only=True):
    """A local datasource with `watch`: where it is, what of it counts, and which queue's workers reach it."""

    name: str
    root: str
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    queue: str | None = None


class WatchList:
    """Says and reads what is to be watched; every method raises BusUnavailable."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    def tell(self, folders: Sequence[WatchedFolder]) -> None:
        """Replace the list; an empty one leaves no key."""
        with translated("telling what to watch"):
            if folders:
                self._client.set(self._keys.watched, msgspec.json.encode(folders))
            else:
                self._client.delete(self._keys.watched)

    def read(self) -> list[WatchedFolder]:
        """Return the list."""
        with translated("asking what to watch"):
            said = cast("bytes | None", self._client.get(self._keys.watched))
        return [] if said is None else msgspec.json.decode(said, type=list[WatchedFolder])
