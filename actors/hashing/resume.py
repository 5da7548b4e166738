"""Where a `hash` that was interrupted continues: what its checkpoint holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

_MOST_ITEMS = 100
# A checkpoint has 32 KB at most, and paths may be long.
_MOST_ITEM_BYTES = 18 * 1024
_MOST_PATH_BYTES = 4 * 1024


@dataclass(slots=True)
class Resume:
    """How far a walk is whose order is that of its paths, and what came of it so far."""

    after: bytes | None = None
    """Up to this path everything is done; None at the beginning."""
    files: int = 0
    bytes: int = 0
    failed: int = 0
    skipped: int = 0
    pieces: int = 0
    """Of the manifest, that are kept."""
    kept_bytes: int = 0
    items: list[dict[str, str]] = field(default_factory=list)
    """The first files, each with its `path` and its `hash`."""
    item_bytes: int = 0

    @property
    def fits(self) -> bool:
        """Whether it is small enough for a checkpoint."""
        return self.after is not None and len(self.after) <= _MOST_PATH_BYTES

    def show(self, path: str, digest: str) -> None:
        """Remember a file, unless there are enough already."""
        size = len(msgspec.json.encode((path, digest)))
        if len(self.items) == _MOST_ITEMS or self.item_bytes + size > _MOST_ITEM_BYTES:
            self.item_bytes = _MOST_ITEM_BYTES
            return
        self.items.append({"path": path, "hash": digest})
        self.item_bytes += size

    def to_json(self) -> dict[str, Any]:
        """Give it as a JSON value; names may be no UTF-8."""
        said = {name: getattr(self, name) for name in self.__slots__}
        return {**said, "after": None if self.after is None else self.after.hex()}

    @classmethod
    def from_json(cls, state: Mapping[str, Any] | None) -> Resume:
        """Read what `to_json` gave; the beginning if there is nothing."""
        if not state:
            return cls()
        after = state["after"]
        return cls(**{**state, "after": None if after is None else bytes.fromhex(after)})
