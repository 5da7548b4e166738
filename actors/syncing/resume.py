"""Where a killed sync continues: what its checkpoint holds."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

# A checkpoint has to stay small; names go in as they are, at most 255 bytes each.
_MOST_REVISIT_BYTES = 8 * 1024


@dataclass(slots=True)
class Counts:
    """What a sync did and saw."""

    created: int = 0
    updated: int = 0
    deleted: int = 0
    moved: int = 0
    entries: int = 0
    bytes: int = 0

    def add(self, other: Counts) -> None:
        """Add what another one did and saw."""
        self.created += other.created
        self.updated += other.updated
        self.deleted += other.deleted
        self.moved += other.moved
        self.entries += other.entries
        self.bytes += other.bytes


@dataclass(slots=True)
class Branch:
    """A folder at the top of the scope with everything below it."""

    path: bytes
    entries: int = 0
    bytes: int = 0
    held: bool = False
    """Whether something in it waits for the end of the pass, or could not be listed."""


@dataclass(slots=True)
class Resume:
    """How far a pass is: which branches need no second visit, and what was counted for them.

    Branches are visited in the order of their names, so one name tells which are behind us. Those where something
    waits for the end are visited again; if they become too many to be listed here, all from there on are.
    """

    counts: Counts = field(default_factory=Counts)
    """Rows written so far; entries and bytes only of the branches that are skipped."""
    from_empty: bool | None = None
    """Whether the catalog had nothing when the pass began: then nothing new can be a move. None before it began."""
    cursor: bytes = b""
    revisit: set[bytes] = field(default_factory=set)
    _is_full: bool = False

    def skips(self, path: bytes) -> bool:
        """Say whether a branch needs no visit."""
        return path <= self.cursor and path not in self.revisit

    def finish(self, branch: Branch) -> None:
        """Note that a branch was visited and that all that is certain about it was written."""
        again = branch.path <= self.cursor
        if not branch.held:
            if again:
                self.revisit.discard(branch.path)
            elif self._is_full:
                return
            self._count(branch)
        elif not again:
            size = sum(map(len, self.revisit)) + len(branch.path)
            self._is_full = self._is_full or size > _MOST_REVISIT_BYTES
            if self._is_full:
                return
            self.revisit.add(branch.path)
        self.cursor = max(self.cursor, branch.path)

    def _count(self, branch: Branch) -> None:
        self.counts.entries += branch.entries
        self.counts.bytes += branch.bytes

    def to_json(self) -> dict[str, Any]:
        """Give it as a checkpoint; names are bytes, so they go as Latin-1, which has a character for each byte."""
        return {
            "counts": asdict(self.counts),
            "from_empty": self.from_empty,
            "cursor": self.cursor.decode("latin-1"),
            "revisit": sorted(path.decode("latin-1") for path in self.revisit),
        }

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> Resume:
        """Read a checkpoint."""
        return cls(
            counts=Counts(**state["counts"]),
            from_empty=state["from_empty"],
            cursor=state["cursor"].encode("latin-1"),
            revisit={path.encode("latin-1") for path in state["revisit"]},
        )
