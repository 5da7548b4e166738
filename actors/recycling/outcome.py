"""What came of a purge, as its result, its checkpoint and the record of it tell."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from heapq import heappush, heappushpop
from typing import Any

from actors.bin_records import Item
from actors.datasources.paths import text_of
from rota.purging import Why
from rota.times import MAX_MS, rfc3339

MOST_LISTED = 200
# A result has 64 KB, and there is more in it than the list.
_MOST_LISTED_BYTES = 40_000


@dataclass(slots=True)
class Outcome:
    """What is gone and what stayed; `removed`, `entries` and `bytes` of all attempts together."""

    removed: int = 0
    entries: int = 0
    bytes: int = 0
    kept: Counter[Why] = field(default_factory=Counter)
    _oldest: list[tuple[int, int, Item, Why]] = field(default_factory=list)

    def gone(self, item: Item, why: Why, *, entries: int, size: int) -> None:
        """Count an item that is gone, and remember it as long as it is among the oldest."""
        self.gone_unlisted(entries=entries, size=size)
        # The heap gives up its smallest first, and the youngest has to go.
        each = (-item.recycled.deleted_at, -item.id, item, why)
        if len(self._oldest) < MOST_LISTED:
            heappush(self._oldest, each)
        else:
            heappushpop(self._oldest, each)

    def gone_unlisted(self, *, entries: int, size: int) -> None:
        """Count an item that is gone and cannot be listed."""
        self.removed += 1
        self.entries += entries
        self.bytes += size

    def listed(self) -> list[dict[str, Any]]:
        """Give the oldest items that are gone: their path, bytes, time of deletion, and why they went."""
        room = _MOST_LISTED_BYTES
        listed = []
        for *_, item, why in sorted(self._oldest, reverse=True, key=lambda each: each[:2]):
            said = _said(item, why)
            room -= len(json.dumps(said))
            if room < 0:
                break
            listed.append(said)
        return listed

    def counts(self) -> dict[str, int]:
        """Give what adds up over the attempts of a task."""
        return {"removed": self.removed, "entries": self.entries, "bytes": self.bytes}

    def kept_counts(self) -> dict[str, int]:
        """Give how many items stayed, by the reason."""
        return {why.value: count for why, count in sorted(self.kept.items()) if count}


def _said(item: Item, why: Why) -> dict[str, Any]:
    known = item.recycled
    return {
        "path": text_of(known.original_path),
        "bytes": known.bytes,
        "deleted_at": rfc3339(max(0, min(known.deleted_at, MAX_MS))),
        "why": why.value,
    }
